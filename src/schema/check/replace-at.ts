import { toSegments, valueAt } from '../json-object.ts';

/** One value put in the place of another, or where there was none, so that it can be undone. */
export interface Replacement {
  readonly holder: Record<string, unknown>;
  readonly key: string;
  /** Absent where there was none. */
  readonly previous?: unknown;
}

/** Replaces the value at a JSON pointer, which must not be the root's own. */
export function replaceAt(root: unknown, pointer: string, value: unknown): Replacement | undefined {
  const key = toSegments(pointer).at(-1);
  const holder = valueAt(root, pointer.slice(0, pointer.lastIndexOf('/'))) as Record<string, unknown> | undefined;
  if (key === undefined || holder === undefined) return undefined;
  const replacement = { holder, key, previous: holder[key] };
  holder[key] = value;
  return replacement;
}

/** Undoes replacements, the last one first. */
export function undo(replacements: readonly Replacement[]): void {
  for (const { holder, key, ...rest } of replacements.toReversed()) {
    if ('previous' in rest) holder[key] = rest.previous;
    else delete holder[key];
  }
}
