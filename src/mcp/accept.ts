const MAX_ACCEPT_CHARACTERS = 4_096;

export interface MediaRange {
  /** A type, or one with stars for what is left open; lower case. */
  readonly type: string;
  /** 0 to 1. */
  readonly quality: number;
}

/** Reads an `Accept` header (RFC 9110, section 12.5.1); what it does not understand is left out. */
export function parseAccept(accept: string | undefined): MediaRange[] {
  const ranges: MediaRange[] = [];
  for (const part of (accept ?? '').slice(0, MAX_ACCEPT_CHARACTERS).split(',')) {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    if (!type.includes('/')) continue;
    const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    ranges.push({ type, quality: quality >= 0 && quality <= 1 ? quality : 0 });
  }
  return ranges;
}

/** How much a media type is wanted, by the most exact range that names it; `undefined` if none does. */
export function qualityOf(ranges: readonly MediaRange[], mediaType: string): number | undefined {
  const group = `${mediaType.slice(0, mediaType.indexOf('/'))}/*`;
  for (const type of [mediaType, group, '*/*']) {
    const range = ranges.find((candidate) => candidate.type === type);
    if (range !== undefined) return range.quality;
  }
  return undefined;
}
