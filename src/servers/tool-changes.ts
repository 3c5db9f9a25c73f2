import type { ToolDefinition } from '../mcp/session.ts';

const MAX_NAMES = 20;

/** Which tools are not what they were, by name; at most twenty of each, and none of the kinds that are empty. */
export interface ToolChanges {
  readonly added?: readonly string[];
  readonly removed?: readonly string[];
  readonly changed?: readonly string[];
}

/** Compares two lists of tools by name and by everything that their server says of them. */
export function toToolChanges(before: readonly ToolDefinition[], after: readonly ToolDefinition[]): ToolChanges {
  const old = textsByName(before);
  const now = textsByName(after);
  const names = (from: ReadonlyMap<string, string>, isOne: (name: string) => boolean) => {
    const found = [...from.keys()].filter(isOne).slice(0, MAX_NAMES);
    return found.length === 0 ? undefined : found;
  };
  const added = names(now, (name) => !old.has(name));
  const removed = names(old, (name) => !now.has(name));
  const changed = names(now, (name) => old.has(name) && old.get(name) !== now.get(name));
  return { ...(added && { added }), ...(removed && { removed }), ...(changed && { changed }) };
}

function textsByName(tools: readonly ToolDefinition[]): ReadonlyMap<string, string> {
  return new Map(tools.map((tool) => [tool.name, JSON.stringify(sorted(tool))]));
}

/** The order of keys means nothing: a database or another version of a server may give another one. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, child]) => [key, sorted(child)]);
}
