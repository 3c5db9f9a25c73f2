import { toSegments } from './json-object.ts';

/** One value put in the place of another, or where there was none, so that it can be taken back. */
export interface Replacement {
  readonly holder: Record<string, unknown>;
  readonly key: string;
  /** Absent where there was none. */
  readonly previous?: unknown;
}

/** The value at a JSON pointer (RFC 6901); `undefined` where there is none. */
export function valueAt(root: unknown, pointer: string): unknown {
  let value = root;
  for (const segment of toSegments(pointer)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<string, unknown>)[segment];
  }
  return value;
}

/** Replaces the value at a JSON pointer, which is not the root's own. */
export function replaceAt(root: unknown, pointer: string, value: unknown): Replacement | undefined {
  const key = toSegments(pointer).at(-1);
  const holder = valueAt(root, pointer.slice(0, pointer.lastIndexOf('/'))) as Record<string, unknown> | undefined;
  if (key === undefined || holder === undefined) return undefined;
  const replacement = { holder, key, previous: holder[key] };
  holder[key] = value;
  return replacement;
}

/** Takes replacements back, the last one first. */
export function takeBack(replacements: readonly Replacement[]): void {
  for (const { holder, key, ...rest } of replacements.toReversed()) {
    if ('previous' in rest) holder[key] = rest.previous;
    else delete holder[key];
  }
}
