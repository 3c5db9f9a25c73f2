import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { ConfigError, type ConfigProblem } from '../errors.ts';

export type JsonPath = readonly (string | number)[];

/** A parsed JSON text with the line of each of its values. */
export interface JsonDocument {
  /** Objects have no prototype, so that `__proto__` is a key like any other. */
  readonly value: unknown;
  /** Keys that occur twice in one object, whose last value counts. */
  readonly duplicates: readonly { readonly path: JsonPath; readonly line: number }[];
  /** The 1-based line of the value at the path, or of the nearest one around it. */
  lineOf(path: JsonPath): number;
}

const shownErrors = 3;

const explanations: ReadonlyMap<string, string> = new Map([
  ['InvalidSymbol', 'is not valid JSON; keys and texts need double quotes'],
  ['InvalidNumberFormat', 'is not a number'],
  ['PropertyNameExpected', 'expected a key in double quotes before'],
  ['ValueExpected', 'expected a value before'],
  ['ColonExpected', 'expected ":" before'],
  ['CommaExpected', 'expected "," before'],
  ['CloseBraceExpected', 'expected "}" before'],
  ['CloseBracketExpected', 'expected "]" before'],
  ['EndOfFileExpected', 'comes after the end of the JSON value'],
  ['UnexpectedEndOfComment', 'begins a comment that has no end'],
  ['UnexpectedEndOfString', 'begins a text that has no closing quote'],
  ['UnexpectedEndOfNumber', 'is half a number'],
  ['InvalidUnicode', 'has a \\u that is not followed by four hexadecimal digits'],
  ['InvalidEscapeCharacter', 'has a \\ before a character that needs none; a backslash itself is written \\\\'],
  ['InvalidCharacter', 'has a control character; a line break in a text is written \\n'],
]);

/**
 * Reads JSON with comments and trailing commas (the dialect of VS Code's own settings).
 * Throws `ConfigError` with the line of each syntax error.
 */
export function parseJsonDocument(text: string, file: string): JsonDocument {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const errors: ParseError[] = [];
  const root = parseTree(source, errors, { allowTrailingComma: true });
  if (source.trim() === '') throw new ConfigError([{ file, message: 'is empty.' }]);
  if (errors.length > 0 || root === undefined) {
    throw new ConfigError(syntaxProblems(source, errors, file));
  }

  const reader = new DocumentReader();
  const value = reader.read(root);
  const duplicates = reader.duplicates.map(({ path, offset }) => ({ path, line: lineAt(source, offset) }));
  return { value, duplicates, lineOf: (path) => lineAt(source, reader.offsetOf(path)) };
}

function syntaxProblems(source: string, errors: readonly ParseError[], file: string): readonly ConfigProblem[] {
  // One mistake gives several errors: the first of each line is enough.
  const byLine = new Map<number, ConfigProblem>();
  for (const error of errors) {
    const line = lineAt(source, error.offset);
    if (byLine.has(line)) continue;
    const explanation = explanations.get(printParseErrorCode(error.error)) ?? 'is not valid JSON';
    const token = describeToken(source, error);
    const message = explanation.endsWith('before') ? `${explanation} ${token}.` : `${token} ${explanation}.`;
    byLine.set(line, { file, line, message });
  }
  return byLine.size === 0 ? [{ file, message: 'contains no JSON.' }] : [...byLine.values()].slice(0, shownErrors);
}

function describeToken(source: string, error: ParseError): string {
  if (error.offset >= source.trimEnd().length) return 'the end of the file';
  const token = source.slice(error.offset, error.offset + error.length);
  // Anything but a key or a mark may be a secret that lost a quote.
  const isKey = /^["'\w]/.test(token) && /^\s*:/.test(source.slice(error.offset + error.length));
  return isKey || /^([{}[\]:,'"=;]|True|False|None|undefined|NaN)$/.test(token) ? token : 'what is here';
}

class DocumentReader {
  readonly duplicates: { path: JsonPath; offset: number }[] = [];
  /** Where the value at each path begins; of keys that occur twice, the last one. */
  readonly #offsets = new Map<string, number>();

  /** `offset`: a key shows better than its value where to look, since the value may begin on a later line. */
  read(node: Node, path: JsonPath = [], offset = node.offset): unknown {
    this.#offsets.set(JSON.stringify(path), offset);
    const { type, children = [] } = node;
    if (type === 'array') return children.map((child, index) => this.read(child, [...path, index]));
    if (type !== 'object') return node.value;

    const object: Record<string, unknown> = Object.create(null);
    for (const property of children) {
      const [key, child] = property.children ?? [];
      if (key === undefined || child === undefined) continue;
      const name = String(key.value);
      const childPath = [...path, name];
      if (name in object) this.duplicates.push({ path: childPath, offset: property.offset });
      object[name] = this.read(child, childPath, property.offset);
    }
    return object;
  }

  /** Of the value at the path; of a missing one, that of the object that should contain it. */
  offsetOf(path: JsonPath): number {
    return this.#offsets.get(JSON.stringify(path)) ?? this.offsetOf(path.slice(0, -1));
  }
}

function lineAt(source: string, offset: number): number {
  return source.slice(0, offset).split('\n').length;
}
