const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

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
    } else if (code === MINUS || isDigit(code)) {
      const end = skipNumber(text, index + 1);
      if (!isExact(text, index, end)) return true;
      index = end;
    } else {
      if (isOpening(code)) depth += 1;
      else if (isClosing(code)) depth -= 1;
      if (depth > MAX_DEPTH) return true;
      index += 1;
    }
  }
  return false;
}

/** From an opening quote to behind the closing one, or to the end of the text. */
export function skipString(text: string, start: number): number {
  for (let from = start + 1; ; ) {
    const quote = text.indexOf('"', from);
    if (quote === -1) return text.length;
    let before = quote - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((quote - 1 - before) % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

/** `{` or `[`, which differ in one bit. */
export function isOpening(code: number): boolean {
  return (code | 0x20) === 0x7b;
}

/** `}` or `]`. */
export function isClosing(code: number): boolean {
  return (code | 0x20) === 0x7d;
}

function skipNumber(text: string, start: number): number {
  let index = start;
  while (isPartOfNumber(text.charCodeAt(index))) index += 1;
  return index;
}

function isPartOfNumber(code: number): boolean {
  return isDigit(code) || code === 0x2e || code === 0x2b || code === MINUS || (code | 0x20) === 0x65;
}

function isExact(text: string, start: number, end: number): boolean {
  if (end - start <= SAFE_DIGITS && text.charCodeAt(start) !== MINUS) {
    let index = start;
    while (index < end && isDigit(text.charCodeAt(index))) index += 1;
    if (index === end) return true;
  }
  const token = text.slice(start, end);
  return String(Number(token)) === token;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}
