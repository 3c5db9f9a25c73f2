import { parseUrl } from '../../parse-url.ts';

/**
 * A `<time>` element for milliseconds since the epoch: in UTC until a script shows the reader's own time. Empty for what
 * is not a date.
 */
export function toTime(ms: number | undefined): string {
  return toTimeElement(ms, 16, '');
}

/** The same with seconds. */
export function toExactTime(ms: number | undefined): string {
  return toTimeElement(ms, 19, ' data-exact');
}

function toTimeElement(ms: number | undefined, length: number, attribute: string): string {
  const date = new Date(ms ?? Number.NaN);
  if (Number.isNaN(date.getTime())) return '';
  const iso = date.toISOString();
  return `<time datetime="${iso}"${attribute}>${iso.slice(0, length).replace('T', ' ')} UTC</time>`;
}

/** `1 tool`, `2 tools`. */
export function toCount(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** `A`, `A and B`, `A, B and C`. `Intl.ListFormat` would cost the start 30 ms and 6 MB. */
export function toEnumeration(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}

/** The URL if a link may lead there: `http:` and `https:` only, so that nothing runs in our own origin. */
export function toWebUrl(url: string | undefined): string | undefined {
  const parsed = url === undefined ? undefined : parseUrl(url);
  return parsed?.protocol === 'http:' || parsed?.protocol === 'https:' ? parsed.href : undefined;
}
