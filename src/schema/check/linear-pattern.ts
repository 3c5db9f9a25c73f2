const ANY = String.raw`[^\n\r\x{2028}\x{2029}]`;
const SPACES = String.raw`\t\n\x0b\x0c\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`;
const CONTROLS: Readonly<Record<string, string>> = { t: '\\t', n: '\\n', r: '\\r', f: '\\x0c', v: '\\x0b' };

/**
 * Writes a regular expression of ECMA-262 in the syntax of RE2, where the two would otherwise mean different things: `$`,
 * `.`, `\s`, `\u…`, `\c…`. Throws on what RE2 has not: look-around, back references, Unicode scripts.
 */
export function toRe2Source(source: string): string {
  let written = '';
  let isInClass = false;
  for (let at = 0; at < source.length; ) {
    const rest = source.slice(at, at + 40);
    const [taken, meaning] = isInClass ? readInClass(rest) : readOutside(rest);
    if (meaning === undefined) throw new SyntaxError('This is not in RE2.');
    if (!isInClass && rest.startsWith('[')) isInClass = true;
    else if (isInClass && taken === ']') isInClass = false;
    written += meaning;
    at += taken.length;
  }
  return written;
}

/** A pattern that a text must match, or must not. */
interface PatternPart {
  readonly source: string;
  readonly isExcluded: boolean;
}

/** Splits `^(?=A)(?!B)C`, as passwords and e-mail addresses have it, into `^C`, `^A` and not `^B`. */
export function splitLookaheads(source: string): PatternPart[] {
  const whole = { source, isExcluded: false };
  const parts: PatternPart[] = [];
  let rest = source;
  while (/^\^\(\?[=!]/.test(rest)) {
    const end = outermost(rest).indexOf(')');
    parts.push({ source: `^(?:${rest.slice(4, end)})`, isExcluded: rest[3] === '!' });
    rest = `^${rest.slice(end + 1)}`;
    if (/^\^[*+?{]/.test(rest)) return [whole];
  }
  // "^" would belong to the first of the alternatives alone.
  return parts.length > 0 && outermost(rest).includes('|') ? [whole] : [{ ...whole, source: rest }, ...parts];
}

/** A pattern with its escapes, classes and all that is in groups made blank, so that every place stays what it is. */
function outermost(source: string): string {
  const plain = source.replace(/\\.|\[(?:\\.|[^\]\\])*\]/gs, (text) => ' '.repeat(text.length));
  let depth = 0;
  let shown = '';
  for (let at = 0; at < plain.length; at += 1) {
    const char = plain.charAt(at);
    if (char === ')') depth -= 1;
    shown += depth === 0 ? char : ' ';
    if (char === '(') depth += 1;
  }
  return shown;
}

type Reading = readonly [taken: string, meaning: string | undefined];

function readOutside(rest: string): Reading {
  const group = /^\(\?(<(?![=!])[^>]*>|:)?/.exec(rest);
  // Groups need not capture: nothing refers to them.
  if (group !== null) return [group[0], group[1] === undefined ? undefined : '(?:'];
  const quantifier = /^\{\d+(,\d*)?\}/.exec(rest);
  if (quantifier !== null) return [quantifier[0], quantifier[0]];
  const char = rest.charAt(0);
  switch (char) {
    case '(':
      return ['(', '(?:'];
    case '$':
      return ['$', '\\z'];
    case '.':
      return ['.', ANY];
    case '[':
      return /^\[\^?\]/.test(rest) ? ['[', undefined] : rest.startsWith('[^') ? ['[^', '[^'] : ['[', '['];
    case '{':
    case '}':
    case ']':
      return [char, `\\${char}`];
    case '\\':
      return readEscape(rest, false);
    default:
      return readLiteral(rest);
  }
}

function readInClass(rest: string): Reading {
  if (rest.startsWith('[')) return ['[', '\\['];
  if (rest.startsWith('\\')) return readEscape(rest, true);
  return rest.startsWith(']') ? [']', ']'] : readLiteral(rest);
}

function readLiteral(rest: string): Reading {
  const char = String.fromCodePoint(rest.codePointAt(0) ?? 0);
  return [char, /\p{Surrogate}/u.test(char) ? undefined : char];
}

function readEscape(rest: string, isInClass: boolean): Reading {
  const pair = /^\\u(d[89ab][\da-f]{2})\\u(d[c-f][\da-f]{2})/i.exec(rest);
  if (pair !== null) {
    const text = String.fromCharCode(Number.parseInt(pair[1] ?? '', 16), Number.parseInt(pair[2] ?? '', 16));
    return [pair[0], codePoint(text.codePointAt(0) ?? 0)];
  }
  const code = /^\\(?:u\{([\da-f]+)\}|u([\da-f]{4})|x([\da-f]{2}))/i.exec(rest);
  if (code !== null) return [code[0], codePoint(Number.parseInt(code[1] ?? code[2] ?? code[3] ?? '', 16))];
  const control = /^\\c([a-z])/i.exec(rest);
  if (control !== null) return [control[0], codePoint((control[1] ?? '').charCodeAt(0) % 32)];
  const category = /^\\[pP]\{(L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?)\}/.exec(rest);
  if (category !== null) return [category[0], category[0]];

  const char = rest.charAt(1);
  const taken = rest.slice(0, 2);
  if ('dDwW'.includes(char)) return [taken, taken];
  if (char === 's') return [taken, isInClass ? SPACES : `[${SPACES}]`];
  if (char === 'S') return [taken, isInClass ? undefined : `[^${SPACES}]`];
  if (char === 'b') return [taken, isInClass ? '\\x08' : '\\b'];
  if (char === 'B') return [taken, isInClass ? undefined : '\\B'];
  if (char === '0') return [taken, /^\\0\d/.test(rest) ? undefined : '\\x00'];
  const letter = CONTROLS[char];
  if (letter !== undefined) return [taken, letter];
  return [taken, /^[!-/:-@[-`{-~]$/.test(char) ? `\\${char}` : undefined];
}

function codePoint(code: number): string | undefined {
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  return isSurrogate || code > 0x10ffff ? undefined : `\\x{${code.toString(16)}}`;
}
