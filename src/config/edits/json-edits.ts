import {
  applyEdits,
  createScanner,
  findNodeAtLocation,
  type JSONPath,
  modify,
  type Node,
  parseTree,
} from 'jsonc-parser';
import type { JsonPath } from '../json-document.ts';

/** One change of a JSON text. */
export type JsonEdit =
  /** `undefined` removes the value; objects on the way are created. */
  | { readonly kind: 'set'; readonly path: JsonPath; readonly value: unknown }
  /** Adds a value at the end of a list, which is created if there is none. */
  | { readonly kind: 'append'; readonly path: JsonPath; readonly value: unknown }
  /** Removes the items of a list that are equal to one of these texts. */
  | { readonly kind: 'remove'; readonly path: JsonPath; readonly texts: ReadonlySet<string> };

/** Applies changes to JSON with comments, one after the other; comments and formatting of everything else stay. */
export function editJson(text: string, edits: readonly JsonEdit[]): string {
  return edits.reduce(applyEdit, text);
}

function applyEdit(text: string, edit: JsonEdit): string {
  switch (edit.kind) {
    case 'set':
      return edit.value === undefined ? without(text, edit.path) : change(text, edit.path, edit.value);
    case 'append': {
      const items = itemsOf(text, edit.path);
      return items === undefined
        ? change(text, edit.path, [edit.value])
        : change(text, [...edit.path, items.length], edit.value, true);
    }
    case 'remove': {
      const isWanted = ({ value }: Node) => typeof value === 'string' && edit.texts.has(value.normalize('NFC'));
      const index = (itemsOf(text, edit.path) ?? []).findIndex(isWanted);
      return index === -1 ? text : applyEdit(withoutItem(text, edit.path, index), edit);
    }
  }
}

/** Removes a value of an object, with its key. */
function without(text: string, path: JsonPath): string {
  const property = find(text, path)?.parent;
  const all = property?.parent?.children ?? [];
  return property === undefined ? text : withoutNode(text, property, all[all.indexOf(property) - 1]);
}

function withoutItem(text: string, path: JsonPath, index: number): string {
  const items = itemsOf(text, path) ?? [];
  const item = items[index];
  return item === undefined ? text : withoutNode(text, item, items[index - 1]);
}

/** Removes a node and one comma beside it, and no comment: `modify` would remove those up to the next node. */
function withoutNode(text: string, { offset, length }: Node, before: Node | undefined): string {
  const end = offset + length;
  const next = commaAfter(text, end);
  if (next !== undefined) {
    const space = /^[ \t]*/.exec(text.slice(next + 1))?.[0].length ?? 0;
    return text.slice(0, offset) + text.slice(end, next) + text.slice(next + 1 + space);
  }
  const previous = before && commaAfter(text, before.offset + before.length);
  if (previous === undefined) return text.slice(0, offset) + text.slice(end);
  return text.slice(0, previous) + text.slice(previous + 1, offset).trimEnd() + text.slice(end);
}

/** Where the comma is that follows this place, past spaces and comments. */
function commaAfter(text: string, offset: number): number | undefined {
  const scanner = createScanner(text, true);
  scanner.setPosition(offset);
  scanner.scan();
  const at = scanner.getTokenOffset();
  return text[at] === ',' ? at : undefined;
}

function change(text: string, path: JsonPath, value: unknown, isArrayInsertion = false): string {
  const inserted = find(text, path) === undefined ? insert(text, path, value) : undefined;
  if (inserted !== undefined) return inserted;
  const formattingOptions = { ...indentationOf(text), eol: eolOf(text) };
  return applyEdits(text, modify(text, path as JSONPath, value, { formattingOptions, isArrayInsertion }));
}

/**
 * Adds a value at the end of the object or list that should contain it, and touches nothing else: `modify` would format
 * what stands before it anew. `undefined` where that has nothing in it yet.
 */
function insert(text: string, path: JsonPath, value: unknown): string | undefined {
  let depth = path.length - 1;
  while (depth > 0 && find(text, path.slice(0, depth)) === undefined) depth -= 1;
  const parent = find(text, path.slice(0, depth));
  const last = parent?.children?.at(-1);
  const [key, ...rest] = path.slice(depth);
  if (parent === undefined || last === undefined || key === undefined) return undefined;
  const nested = rest.reduceRight<unknown>((inner, step) => ({ [step]: inner }), value);
  const { insertSpaces, tabSize } = indentationOf(text);
  const isOnOneLine = !text.slice(parent.offset, parent.offset + parent.length).includes('\n');
  const space = isOnOneLine ? ' ' : eolOf(text) + (/[ \t]*$/.exec(text.slice(0, last.offset))?.[0] ?? '');
  const json = isOnOneLine ? JSON.stringify(nested) : JSON.stringify(nested, null, insertSpaces ? tabSize : '\t');
  const item = (parent.type === 'object' ? `${JSON.stringify(key)}: ` : '') + json.replaceAll('\n', space);

  const end = last.offset + last.length;
  const comma = commaAfter(text, end);
  const before = comma === undefined ? `${text.slice(0, end)},` : text.slice(0, comma + 1);
  const after = text.slice(comma === undefined ? end : comma + 1);
  // A comment at the end of the line is about what stands before it.
  const comment = isOnOneLine
    ? ''
    : (/^[ \t]*(?:\/\/[^\r\n]*|(?:\/\*[^\n]*?\*\/[ \t]*)+)(?=\r?\n)/.exec(after)?.[0] ?? '');
  return before + comment + space + item + (comma === undefined ? '' : ',') + after.slice(comment.length);
}

function eolOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

/** The items of the list at the path; `undefined` if there is none. */
function itemsOf(text: string, path: JsonPath): readonly Node[] | undefined {
  const list = find(text, path);
  return list?.type === 'array' ? (list.children ?? []) : undefined;
}

function find(text: string, path: JsonPath): Node | undefined {
  const root = parseTree(text, [], { allowTrailingComma: true });
  return root && findNodeAtLocation(root, path as JSONPath);
}

/** As the first indented line is: with a tab, or with so many spaces. */
function indentationOf(text: string): { readonly insertSpaces: boolean; readonly tabSize: number } {
  const [, space = '  '] = /^([ \t]+)["{[]/m.exec(text) ?? [];
  return { insertSpaces: !space.startsWith('\t'), tabSize: space.startsWith('\t') ? 4 : Math.min(space.length, 8) };
}
