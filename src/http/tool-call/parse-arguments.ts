import { visit } from 'jsonc-parser';
import { InvalidArgumentsError, UnsupportedMediaTypeError } from '../../errors.ts';

const MAX_LEVELS = 256;
/** Of all objects together; parsing a million of them holds every other caller up for a second. */
const MAX_KEYS = 100_000;
/**
 * Of all arrays and objects together. Each takes many times the bytes of its text, and time in every walk over the
 * arguments; ten megabytes of `[1,1,…` or `[{},{},…` would be millions.
 */
const MAX_VALUES = 250_000;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Throws `UnsupportedMediaTypeError` unless the content type is JSON or absent. */
export function requireJson(contentType: string | undefined): void {
  if (contentType === undefined || contentType.trim() === '') return;
  if (/^\s*application\/([\w.+-]+\+)?json\s*(;|$)/i.test(contentType)) return;
  throw new UnsupportedMediaTypeError(
    "The body must be JSON: send the header 'Content-Type: application/json' with the arguments as one JSON object.",
  );
}

export interface ParsedArguments {
  readonly value: Record<string, unknown>;
  /** The JSON text, given when `value` does not have every number exactly. */
  readonly exactText: string | undefined;
  /** Length of the body. */
  readonly bytes: number;
}

/**
 * Reads a call's arguments: one JSON object (RFC 8259), `{}` when the body is empty.
 * Throws `InvalidArgumentsError` in FastAPI's shape.
 */
export function parseArguments(body: Buffer): ParsedArguments {
  if (body.length === 0) return noArguments(body);
  let text: string;
  try {
    text = UTF8.decode(body);
  } catch {
    throw invalid('json_invalid', ['body'], 'JSON decode error: the body is not UTF-8');
  }
  if (text.trim() === '') return noArguments(body);
  refuseExtremes(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid('json_invalid', ['body', errorPosition(error)], `JSON decode error: ${describe(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('dict_type', ['body'], 'Input should be an object that holds the arguments by name');
  }
  const exactText = hasInexactNumber(text) ? text : undefined;
  return { value: value as Record<string, unknown>, exactText, bytes: body.length };
}

function noArguments({ length: bytes }: Buffer): ParsedArguments {
  return { value: {}, exactText: undefined, bytes };
}

function invalid(type: string, loc: (string | number)[], msg: string): InvalidArgumentsError {
  return new InvalidArgumentsError([{ type, loc, msg }]);
}

/** V8 names the position, or the end; its message quotes the body, so it is not passed on. */
function errorPosition(error: unknown): number {
  return Number(/position (\d+)/.exec(String(error))?.[1] ?? 0);
}

function describe(error: unknown): string {
  const text = String(error);
  return /Unexpected end|Unterminated/.test(text) ? 'the text ends too early' : 'the text is not valid JSON';
}

/** Deeper values overflow the stack wherever they are walked next. */
function refuseExtremes(text: string): void {
  if (text.length <= MAX_LEVELS) return;
  let level = 0;
  let keys = 0;
  let values = 0;
  let isInString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (isInString) {
      if (char === 0x5c) i += 1;
      else if (char === 0x22) isInString = false;
    } else if (char === 0x22) isInString = true;
    else if (char === 0x7b || char === 0x5b) {
      level += 1;
      values += 1;
      if (level > MAX_LEVELS) throw invalid('too_deep', ['body'], `Input should have at most ${MAX_LEVELS} levels`);
    } else if (char === 0x2c) values += 1;
    else if (char === 0x7d || char === 0x5d) level -= 1;
    else if (char === 0x3a) {
      keys += 1;
      if (keys > MAX_KEYS) throw invalid('too_long', ['body'], `Input should have at most ${MAX_KEYS} keys`);
    }
    if (values > MAX_VALUES) throw invalid('too_long', ['body'], `Input should have at most ${MAX_VALUES} values`);
  }
}

/** An integer that a double cannot hold, or a number beyond its range, would reach the tool altered. */
function hasInexactNumber(text: string): boolean {
  if (!/\d{16}|\d[eE]\+?\d{2}/.test(text)) return false;
  let isFound = false;
  visit(text, {
    onLiteralValue: (value, offset, length) => {
      isFound ||= typeof value === 'number' && !isExact(text.slice(offset, offset + length), value);
    },
  });
  return isFound;
}

function isExact(literal: string, value: number): boolean {
  if (!Number.isFinite(value)) return false;
  return !/^-?\d+$/.test(literal) || BigInt(literal) === BigInt(value);
}
