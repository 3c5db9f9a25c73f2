import { SessionOpenError } from '../errors.ts';

/** Headers of one connection, and those that the HTTP client sets itself. */
const NOT_FORWARDED = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL_CHARACTER = /[\0-\x08\x0a-\x1f\x7f]/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Checks a server's own headers. Throws `SessionOpenError` naming the header, never its value. */
export function toServerHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const checked: [string, string][] = Object.entries(headers).map(([name, value]) => {
    if (!HEADER_NAME.test(name))
      throw new SessionOpenError('one of its configured headers has a name that HTTP does not allow');
    if (CONTROL_CHARACTER.test(value)) {
      throw new SessionOpenError(
        'one of its headers holds a line break or another control character',
        `header "${name}"`,
      );
    }
    return [name.toLowerCase(), toHeaderBytes(value)];
  });
  return Object.fromEntries(checked);
}

/** The headers of one call that may be sent on; what HTTP does not allow is left out. */
export function toCallHeaders(headers: Readonly<Record<string, string>> | undefined): Record<string, string> {
  if (headers === undefined) return {};
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]): [string, string] => [name.toLowerCase(), toHeaderBytes(value)])
      .filter(([name, value]) => HEADER_NAME.test(name) && !NOT_FORWARDED.has(name) && !CONTROL_CHARACTER.test(value)),
  );
}

/** Node sends header values as Latin-1: anything beyond ASCII goes out as UTF-8 bytes instead. */
function toHeaderBytes(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1');
}
