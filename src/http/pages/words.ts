import { parseUrl } from '../../parse-url.ts';
/** A moment as the pages write it: for machines, and in UTC for people until a script shows their own time. */
export interface TimeText {
  readonly iso: string;
  readonly text: string;
}

/** Reads milliseconds since the epoch; `undefined` for what is no date. */
export function toTimeText(time: number | undefined): TimeText | undefined {
  const date = new Date(time ?? Number.NaN);
  if (Number.isNaN(date.getTime())) return undefined;
  const iso = date.toISOString();
  return { iso, text: `${iso.slice(0, 16).replace('T', ' ')} UTC` };
}

/** `1 tool`, `2 tools`. */
export function toCount(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** `A`, `A and B`, `A, B and C`. */
export function toEnumeration(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}

/** The URL if a link may lead there: `http:` and `https:` only, so that nothing runs in our own origin. */
export function toWebUrl(url: string | undefined): string | undefined {
  const parsed = url === undefined ? undefined : parseUrl(url);
  if (parsed === undefined) return undefined;
  const { protocol, href } = parsed;
  return protocol === 'http:' || protocol === 'https:' ? href : undefined;
}
