import { isClosing, isOpening, skipString } from './exact-numbers.ts';

/**
 * Returns the text of the member at `path`, `undefined` if there is none. As with `JSON.parse` the last of several
 * equal names counts. Linear; `text` must be valid JSON.
 */
export function sliceJson(text: string, path: readonly string[]): string | undefined {
  let value: number | undefined = skipSpace(text, 0);
  for (const wanted of path) {
    let found: number | undefined;
    for (const { name, start } of membersOf(text, value)) if (name === wanted) found = start;
    if (found === undefined) return undefined;
    value = found;
  }
  return text.slice(value, skipValue(text, value));
}

/** Returns the text of each item of an array, none for anything else. Linear; `text` must be valid JSON. */
export function sliceItems(text: string): string[] {
  const items: string[] = [];
  let index = skipSpace(text, 0);
  if (text[index] !== '[') return items;
  index = skipSpace(text, index + 1);
  while (index < text.length && text[index] !== ']') {
    const end = skipValue(text, index);
    items.push(text.slice(index, end));
    index = skipSpace(text, end);
    if (text[index] === ',') index = skipSpace(text, index + 1);
  }
  return items;
}

/** The names of an object's members up to where the text breaks off, with the start of each value. */
export function* membersOf(
  text: string,
  object = skipSpace(text, 0),
): Generator<{ readonly name: string; readonly start: number }> {
  if (text[object] !== '{') return;
  let index = skipSpace(text, object + 1);
  while (text[index] === '"') {
    const nameEnd = skipString(text, index);
    const colon = skipSpace(text, nameEnd);
    if (text[colon] !== ':') return;
    const start = skipSpace(text, colon + 1);
    yield { name: readName(text.slice(index, nameEnd)), start };
    const comma = skipSpace(text, skipValue(text, start));
    if (text[comma] !== ',') return;
    index = skipSpace(text, comma + 1);
  }
}

function readName(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted;
  }
}

function skipValue(text: string, start: number): number {
  let depth = 0;
  let index = start;
  while (index < text.length) {
    const code = text.charCodeAt(index);
    if (code === 0x22) {
      index = skipString(text, index);
      if (depth === 0) return index;
      continue;
    }
    if (isOpening(code)) {
      depth += 1;
    } else if (isClosing(code)) {
      depth -= 1;
      if (depth <= 0) return depth < 0 ? index : index + 1;
    } else if (depth === 0 && (code === 0x2c || isSpace(code))) {
      return index;
    }
    index += 1;
  }
  return index;
}

function skipSpace(text: string, start: number): number {
  let index = start;
  while (isSpace(text.charCodeAt(index))) index += 1;
  return index;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
