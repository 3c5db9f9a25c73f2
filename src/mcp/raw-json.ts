const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Every integer of so many digits is a double. */
const SAFE_DIGITS = 15;
/** `JSON.stringify` recurses, `JSON.parse` does not: deeper text is passed on as it came. */
const MAX_DEPTH = 500;

/**
 * Whether `JSON.stringify(JSON.parse(text))` would spell a number differently (`1.0`, `-0`, `12345678901234567890`,
 * `1e400`), or could not be done for depth. Linear; `text` must be valid JSON.
 */
export function isAlteredByParsing(text: string): boolean {
  let depth = 0;
  let index = 0;
  while (index < text.length) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      index = skipString(text, index);
    } else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const end = skipNumber(text, index + 1);
      if (!isExactNumber(text, index, end)) return true;
      index = end;
    } else {
      if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        depth += 1;
        if (depth > MAX_DEPTH) return true;
      } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
        depth -= 1;
      }
      index += 1;
    }
  }
  return false;
}

/**
 * Returns the text of the member at `path`, `undefined` if there is none. As with `JSON.parse` the last of several
 * equal names counts. Linear; `text` must be valid JSON.
 */
export function sliceJson(text: string, path: readonly string[]): string | undefined {
  let start = skipSpace(text, 0);
  for (const name of path) {
    const found = findMember(text, start, name);
    if (found === undefined) return undefined;
    start = found;
  }
  return text.slice(start, skipValue(text, start));
}

/** Returns the text of each item of an array, none for anything else. Linear; `text` must be valid JSON. */
export function sliceItems(text: string): string[] {
  const items: string[] = [];
  let index = skipSpace(text, 0);
  if (text.charCodeAt(index) !== OPEN_BRACKET) return items;
  index = skipSpace(text, index + 1);
  while (index < text.length && text.charCodeAt(index) !== CLOSE_BRACKET) {
    const end = skipValue(text, index);
    items.push(text.slice(index, end));
    index = skipSpace(text, end);
    if (text.charCodeAt(index) === COMMA) index = skipSpace(text, index + 1);
  }
  return items;
}

/** The names of the outermost object's members up to where the text breaks off, with the start of each value. */
export function* outerMembers(text: string): Generator<{ readonly name: string; readonly start: number }> {
  let index = skipSpace(text, 0);
  if (text.charCodeAt(index) !== OPEN_BRACE) return;
  index = skipSpace(text, index + 1);
  while (text.charCodeAt(index) === QUOTE) {
    const nameEnd = skipString(text, index);
    const colon = skipSpace(text, nameEnd);
    if (text.charCodeAt(colon) !== COLON) return;
    const start = skipSpace(text, colon + 1);
    yield { name: readName(text, index, nameEnd), start };
    const comma = skipSpace(text, skipValue(text, start));
    if (text.charCodeAt(comma) !== COMMA) return;
    index = skipSpace(text, comma + 1);
  }
}

function findMember(text: string, start: number, name: string): number | undefined {
  if (text.charCodeAt(start) !== OPEN_BRACE) return undefined;
  let found: number | undefined;
  let index = skipSpace(text, start + 1);
  while (text.charCodeAt(index) === QUOTE) {
    const nameEnd = skipString(text, index);
    const value = skipSpace(text, skipSpace(text, nameEnd) + 1);
    if (readName(text, index, nameEnd) === name) found = value;
    const comma = skipSpace(text, skipValue(text, value));
    if (text.charCodeAt(comma) !== COMMA) break;
    index = skipSpace(text, comma + 1);
  }
  return found;
}

function readName(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1);
  if (!raw.includes('\\')) return raw;
  try {
    return JSON.parse(text.slice(start, end)) as string;
  } catch {
    return raw;
  }
}

/** From an opening quote to behind the closing one, or to the end of the text. */
function skipString(text: string, start: number): number {
  for (let from = start + 1; ; ) {
    const quote = text.indexOf('"', from);
    if (quote === -1) return text.length;
    let before = quote - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((quote - 1 - before) % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

function skipValue(text: string, start: number): number {
  let depth = 0;
  let index = start;
  while (index < text.length) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      index = skipString(text, index);
      if (depth === 0) return index;
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return index;
      depth -= 1;
      if (depth === 0) return index + 1;
    } else if (depth === 0 && (code === COMMA || isSpace(code))) {
      return index;
    }
    index += 1;
  }
  return index;
}

function skipNumber(text: string, start: number): number {
  let index = start;
  for (;;) {
    const code = text.charCodeAt(index);
    const isPart =
      (code >= ZERO && code <= NINE) || code === 0x2e || code === 0x2b || code === MINUS || (code | 0x20) === 0x65;
    if (!isPart) return index;
    index += 1;
  }
}

function isExactNumber(text: string, start: number, end: number): boolean {
  if (end - start <= SAFE_DIGITS && text.charCodeAt(start) !== MINUS) {
    let index = start;
    while (index < end && text.charCodeAt(index) <= NINE && text.charCodeAt(index) >= ZERO) index += 1;
    if (index === end) return true;
  }
  const token = text.slice(start, end);
  return String(Number(token)) === token;
}

function skipSpace(text: string, start: number): number {
  let index = start;
  while (isSpace(text.charCodeAt(index))) index += 1;
  return index;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
