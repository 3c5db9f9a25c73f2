import { toSegments, valueAt } from '../json-object.ts';
import type { Finding } from './check-compiler.ts';

/** One value put in the place of another, or where there was none, so that it can be undone. */
export interface Replacement {
  readonly holder: Record<string, unknown>;
  readonly key: string;
  /** Absent where there was none. */
  readonly previous?: unknown;
}

/** Undoes replacements, the last one first. */
export function undo(replacements: readonly Replacement[]): void {
  for (const { holder, key, ...rest } of replacements.toReversed()) {
    if ('previous' in rest) holder[key] = rest.previous;
    else delete holder[key];
  }
}

/**
 * Puts the numbers and booleans that a schema asks for in the place of strings that spell them, as mcpo's pydantic
 * models do; nothing else changes its type. Returns what was replaced.
 */
export function coerceStrings(root: unknown, findings: readonly Finding[]): Replacement[] {
  return findings.flatMap(({ keyword, instancePath, params }) => {
    if (keyword !== 'type') return [];
    const text = valueAt(root, instancePath);
    if (typeof text !== 'string') return [];
    const value = [params.type]
      .flat()
      .map((type) => coerced(text, type))
      .find((candidate) => candidate !== undefined);
    const replacement = value === undefined ? undefined : replaceAt(root, instancePath, value);
    return replacement === undefined ? [] : [replacement];
  });
}

function coerced(text: string, type: unknown): number | boolean | undefined {
  if (text.length > 400) return undefined;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  if (type !== 'integer' && type !== 'number') return undefined;
  if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)) return undefined;
  const value = Number(text);
  const isExact = type === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value);
  return isExact ? value : undefined;
}

/** Replaces the value at a JSON pointer, which must not be the root's own. */
function replaceAt(root: unknown, pointer: string, value: unknown): Replacement | undefined {
  const key = toSegments(pointer).at(-1);
  const holder = valueAt(root, pointer.slice(0, pointer.lastIndexOf('/'))) as Record<string, unknown> | undefined;
  if (key === undefined || holder === undefined) return undefined;
  const replacement = { holder, key, previous: holder[key] };
  holder[key] = value;
  return replacement;
}
