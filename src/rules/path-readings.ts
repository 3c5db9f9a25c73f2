import { toAbsolute } from './path-text.ts';

/** More readings than any honest path has. */
const MAX_READINGS = 32;
/** The longest path that Linux opens; for longer texts two readings must do. */
export const MAX_PATH_CHARACTERS = 4_096;

const FILE_URL = /^file:(?:\/\/([^/?#]*))?(\/[^?#]*)?/i;
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;
const NOT_ASCII = /[^\0-\x7f]/;

/**
 * The paths for which servers may take a text: as it is, trimmed, without quotes, as a `file:` URL, percent-decoded, with
 * `\` as a separator, cut at a NUL, in Unicode's compatibility form, with `.` and `..` resolved, and in each order of these.
 * `undefined` if there are too many. `base` is where relative paths begin.
 */
export function readingsOf(text: string, base: string | undefined): readonly string[] | undefined {
  if (text.length > MAX_PATH_CHARACTERS) return [text, steps.reduce((reading, step) => step(reading, base), text)];
  const readings = new Set([text]);
  for (const reading of readings) {
    for (const step of steps) readings.add(step(reading, base));
    if (readings.size > MAX_READINGS) return undefined;
  }
  return [...readings];
}

/** Each is linear, and changes most texts in nothing. */
const steps: readonly ((text: string, base: string | undefined) => string)[] = [
  (text) => text.trim().replace(/^["'`]|["'`]$/g, ''),
  (text) => (isFileUrl(text) ? (FILE_URL.exec(text)?.[2] ?? text) : text),
  (text) => (text.includes('%') ? decodePercent(text) : text),
  (text) => text.replaceAll('\\', '/'),
  (text) => (text.includes('\0') ? text.slice(0, text.indexOf('\0')) : text),
  toCompatible,
  // Tidied up: without its last slash, a path may end in something else that is left out.
  (text, base) => (isFileUrl(text) ? text : (toAbsolute(text, base) ?? text)),
];

export function isFileUrl(text: string): boolean {
  return /^file:/i.test(text);
}

/** A `file:` URL of another machine. */
export function isForeignFileUrl(text: string): boolean {
  const [, host = ''] = FILE_URL.exec(text) ?? [];
  return !/^(?:localhost)?$/i.test(host);
}

/** One text for all that look the same or that a lenient program takes for the same: NFKC, without invisible letters. */
export function toCompatible(text: string): string {
  if (!NOT_ASCII.test(text)) return text;
  return text
    .normalize('NFKC')
    .replace(IGNORABLE, '')
    .replace(/\p{Surrogate}/gu, '');
}

/** Once, and leniently: what is not percent-encoding stays as it is. */
function decodePercent(text: string): string {
  return text.replace(/(?:%[\da-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());
}
