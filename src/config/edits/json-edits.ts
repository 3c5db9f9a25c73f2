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
  const formattingOptions = { ...indentationOf(text), eol: text.includes('\r\n') ? '\r\n' : '\n' };
  return applyEdits(text, modify(text, path as JSONPath, value, { formattingOptions, isArrayInsertion }));
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
