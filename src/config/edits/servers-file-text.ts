import { isDeepStrictEqual } from 'node:util';
import { EditRefusedError } from '../../errors.ts';
import { parseJsonDocument } from '../json-document.ts';
import { isObject } from '../shapes.ts';
import type { ToolOverride } from '../tool-overrides.ts';
import { editJson, type JsonEdit } from './json-edits.ts';

type Entry = Readonly<Record<string, unknown>>;

/** What an admin wants of one tool, by the server's own name for it. */
export interface ToolChange {
  readonly name: string;
  readonly isEnabled: boolean;
  readonly override: ToolOverride;
}

/** The text of a servers file, and where its servers are. */
interface Content {
  readonly text: string;
  readonly list: 'mcpServers' | 'servers';
  readonly servers: Entry;
}

/** Adds servers at the end of the file. Throws `EditRefusedError` for a name that is taken, `ConfigError` for broken JSON. */
export function withServers(text: string, file: string, entries: ReadonlyMap<string, Entry>): string {
  const content = read(text, file);
  for (const name of entries.keys()) {
    if (!Object.hasOwn(content.servers, name)) continue;
    throw new EditRefusedError(`There is a server "${name}" in the servers file already; choose another name.`);
  }
  const edits = [...entries].map(([name, value]): JsonEdit => ({ kind: 'set', path: [content.list, name], value }));
  return apply(content, edits, file, new Set(entries.keys()));
}

/**
 * Writes which tools of a server are switched off, and what callers see of them. `enabledTools` gains what is switched
 * on. Throws `EditRefusedError` for a server that the file does not have, `ConfigError` for broken JSON.
 */
export function withTools(text: string, file: string, server: string, changes: readonly ToolChange[]): string {
  const content = read(text, file);
  const entry = entryOf(content, server);
  const path = [content.list, server] as const;
  const edits = changes.flatMap(({ name, isEnabled, override }): JsonEdit[] => {
    const composed = name.normalize('NFC');
    const [isListed, isOff] = [isAmong(entry.enabledTools, composed), isDisabled(entry, composed)];
    const edit: JsonEdit[] = [];
    if (!isEnabled && !isOff) edit.push({ kind: 'append', path: [...path, 'disabledTools'], value: name });
    if (isEnabled && isOff) {
      const texts = new Set([composed]);
      for (const key of ['disabledTools', 'disabled_tools']) edit.push({ kind: 'remove', path: [...path, key], texts });
    }
    if (isEnabled && isListed === false) {
      edit.push({ kind: 'append', path: [...path, 'enabledTools'], value: name });
    }
    return [...edit, ...overrideEdits(entry, [...path, 'tools'], composed, override)];
  });
  return apply(content, edits, file, new Set([server]));
}

/** A server's entry as the file has it. Throws as `withTools` does. */
export function readEntry(text: string, file: string, server: string): Entry {
  return entryOf(read(text, file), server);
}

/** Whether the entry switches the tool off, by its name with composed letters. */
export function isDisabled({ disabledTools, disabled_tools: other }: Entry, composed: string): boolean {
  return isAmong(disabledTools, composed) === true || isAmong(other, composed) === true;
}

/** `undefined`: there is no list. */
export function isAmong(list: unknown, composed: string): boolean | undefined {
  if (!Array.isArray(list)) return undefined;
  return list.some((name) => typeof name === 'string' && name.normalize('NFC') === composed);
}

function overrideEdits(entry: Entry, path: readonly string[], composed: string, wanted: ToolOverride): JsonEdit[] {
  const tools = isObject(entry.tools) ? entry.tools : {};
  const key = Object.keys(tools).find((name) => name.normalize('NFC') === composed) ?? composed;
  const given = tools[key];
  const current = isObject(given) ? given : {};
  const next = { name: wanted.name, description: wanted.description, hidden: wanted.hidden || undefined };
  const isSame = Object.entries(next).every(([name, value]) => (current[name] || undefined) === (value || undefined));
  if (isSame && (next.description === undefined) === (current.description === undefined)) return [];
  if (Object.values(next).every((value) => value === undefined))
    return [{ kind: 'set', path: [...path, key], value: undefined }];
  // Lists of other clients ("tools": ["*"]) have no place for it.
  if (!isObject(entry.tools) && entry.tools != null) {
    throw new EditRefusedError('"tools" of this server is a list; remove it from the servers file first.');
  }
  if (Object.keys(current).length === 0) {
    const value = Object.fromEntries(Object.entries(next).filter(([, one]) => one !== undefined));
    return [{ kind: 'set', path: [...path, key], value }];
  }
  return Object.entries(next).flatMap(([name, value]): JsonEdit[] =>
    current[name] === value ? [] : [{ kind: 'set', path: [...path, key, name], value }],
  );
}

function read(text: string, file: string): Content {
  const { value, duplicates } = parseJsonDocument(text, file);
  const [duplicate] = duplicates;
  if (duplicate !== undefined) {
    const message = `The servers file gives "${duplicate.path.join('.')}" twice (line ${duplicate.line}), so it cannot be changed here; remove one of them.`;
    throw new EditRefusedError(message);
  }
  const content = isObject(value) ? value : {};
  const list = isObject(content.mcpServers) ? 'mcpServers' : 'servers';
  const servers = content[list];
  if (isObject(servers)) return { text: text.replace(/^\uFEFF/, ''), list, servers };
  throw new EditRefusedError('The servers file has no "mcpServers" object.');
}

function entryOf({ servers }: Content, server: string): Entry {
  const entry = Object.hasOwn(servers, server) ? servers[server] : undefined;
  if (isObject(entry)) return entry;
  throw new EditRefusedError(`The servers file has no server "${server}".`);
}

/** Throws `EditRefusedError` if anything but the servers named would be another one then. */
function apply({ text, list }: Content, edits: readonly JsonEdit[], file: string, changed: ReadonlySet<string>) {
  const edited = editJson(text, edits);
  const after = parseJsonDocument(edited, file).value;
  const before = parseJsonDocument(text, file).value;
  const others = (value: unknown) => {
    const content = isObject(value) ? value : {};
    const kept = Object.entries(isObject(content[list]) ? content[list] : {}).filter(([name]) => !changed.has(name));
    return [Object.entries(content).filter(([key]) => key !== list), kept];
  };
  if (isDeepStrictEqual(others(before), others(after))) return edited;
  throw new EditRefusedError('The servers file cannot be changed here without changing something else in it.');
}
