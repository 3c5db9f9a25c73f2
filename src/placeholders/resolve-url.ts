import { PlaceholderValueError } from '../errors.ts';
import { describePlaceholder, type PlaceholderValues, type ResolvedPart, resolveParts } from './resolve-template.ts';
import type { Template } from './template.ts';

/**
 * The text of a URL's template for one principal, or `undefined` if any of its placeholders is unset. Each value is
 * percent-encoded, so that it stays within the path segment, the parameter or the fragment in which the admin put it.
 * Throws `PlaceholderValueError` for a value that no encoding keeps in its place, and for those that `resolveTemplate`
 * refuses.
 */
export function resolveUrl(template: Template, values: PlaceholderValues): string | undefined {
  const parts = resolveParts(template, values)?.map(encoded);
  if (parts === undefined) return undefined;
  const url = parts.map(({ text }) => text).join('');
  const pathEnd = endOf(/[?#]/g, url, 0);
  let start = 0;
  for (const { text, placeholder } of parts) {
    const end = start + text.length;
    if (placeholder !== undefined && start <= pathEnd && leavesItsPlace(segmentAt(url, start, end))) {
      throw new PlaceholderValueError(
        `The value of ${describePlaceholder(placeholder)} cannot be part of the server's url: a part of its path would be empty, "." or ".."; set another value.`,
      );
    }
    start = end;
  }
  return url;
}

/** RFC 3986, section 2.3: everything but the unreserved characters is encoded. */
function encoded({ text, placeholder }: ResolvedPart): ResolvedPart {
  if (placeholder === undefined) return { text };
  if (!text.isWellFormed()) {
    throw new PlaceholderValueError(
      `The value of ${describePlaceholder(placeholder)} holds half a character (an unpaired surrogate); save it again.`,
    );
  }
  const strict = encodeURIComponent(text).replace(/[!'()*]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  });
  return { text: strict, placeholder };
}

/** The whole path segment around a value: texts and other values beside it belong to it. */
function segmentAt(url: string, start: number, end: number): string {
  // URL parsers take a backslash for a slash.
  const before = Math.max(url.lastIndexOf('/', start - 1), url.lastIndexOf('\\', start - 1));
  return url.slice(before + 1, endOf(/[/\\?#]/g, url, end));
}

function endOf(separator: RegExp, url: string, from: number): number {
  separator.lastIndex = from;
  return separator.exec(url)?.index ?? url.length;
}

/** URL parsers remove such a segment, and servers empty ones: judged by the parser itself, which knows `%2e` too. */
function leavesItsPlace(segment: string): boolean {
  return new URL(`http://host/${segment}`).pathname === '/';
}
