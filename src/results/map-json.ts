import { skipString } from '../mcp/exact-numbers.ts';

export interface JsonMapping {
  /** `name` is that of the member whose value the string is; names are strings, too. */
  string(value: string, name: string | undefined): string;
  /** Returns what a number is replaced by, a string then, or the same digits. */
  number(digits: string): string;
}

/**
 * Replaces strings and numbers of a JSON text, and leaves everything else as it is spelled, digits included. Linear and
 * without recursion; `text` must be valid JSON.
 */
export function mapJson(text: string, mapping: JsonMapping): string {
  const pieces: string[] = [];
  let copiedTo = 0;
  let name: string | undefined;
  const replace = (start: number, end: number, replacement: string) => {
    pieces.push(text.slice(copiedTo, start), replacement);
    copiedTo = end;
  };
  for (let index = 0; index < text.length; ) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      const end = skipString(text, index);
      const value = JSON.parse(text.slice(index, end)) as string;
      const isName = nextCode(text, end) === COLON;
      const mapped = mapping.string(value, isName ? undefined : name);
      if (mapped !== value) replace(index, end, JSON.stringify(mapped));
      name = isName ? value : undefined;
      index = end;
    } else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const end = skipNumber(text, index + 1);
      const digits = text.slice(index, end);
      const mapped = mapping.number(digits);
      if (mapped !== digits) replace(index, end, JSON.stringify(mapped));
      name = undefined;
      index = end;
    } else {
      index += 1;
    }
  }
  return pieces.length === 0 ? text : pieces.join('') + text.slice(copiedTo);
}

const QUOTE = 0x22;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

function nextCode(text: string, start: number): number {
  let index = start;
  while (/\s/.test(text.charAt(index))) index += 1;
  return text.charCodeAt(index);
}

function skipNumber(text: string, start: number): number {
  let index = start;
  while (/[\d.eE+-]/.test(text.charAt(index))) index += 1;
  return index;
}
