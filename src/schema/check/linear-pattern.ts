const ANY = String.raw`[^\n\r\x{2028}\x{2029}]`;
const SPACES = String.raw`\t\n\x0b\x0c\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`;
/** What may mean something else in RE2: pairs of surrogates, other escapes, brackets, dots, and halves of characters. */
const TOKENS =
  /\\u([dD][89abAB][\da-fA-F]{2})\\u([dD][c-fC-F][\da-fA-F]{2})|\\(?:[pP]\{[LMNPSZ][a-z]?\}|x[\da-fA-F]{2}|u[\da-fA-F]{4}|u\{[\da-fA-F]+\}|c[a-zA-Z]|.)|[[\].\ud800-\udfff]/gsu;
/** Escapes of one letter that only one of the two has, and halves of characters. */
const NOT_IN_BOTH = /^(?:\\[^dDwWsSbBfnrtv0\W]|\\u\{?[dD][89a-fA-F].*|[\ud800-\udfff])$/u;

/**
 * Writes a regular expression of ECMA-262 so that `RE2JS.translateRegExp` and RE2 read the same in it. Throws on what RE2
 * reads in another way; what it cannot read at all it refuses itself.
 */
export function toRe2Source(source: string): string {
  let isInClass = false;
  return source.replace(TOKENS, (token: string, high?: string, low?: string) => {
    if (high !== undefined && low !== undefined)
      return String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16));
    if (NOT_IN_BOTH.test(token) || (isInClass && /^\\[SB]$/.test(token))) throw new SyntaxError('This is not in RE2.');
    switch (token) {
      case '.':
        return isInClass ? token : ANY;
      case '\\s':
        return isInClass ? SPACES : `[${SPACES}]`;
      case '\\S':
        return `[^${SPACES}]`;
      case '\\b':
        return isInClass ? '\\x08' : token;
      case '[':
        if (isInClass) return '\\[';
        isInClass = true;
        return token;
      case ']':
        isInClass = false;
        return token;
      default:
        return token;
    }
  });
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
