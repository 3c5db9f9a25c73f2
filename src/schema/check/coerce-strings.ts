import { valueAt } from '../json-object.ts';
import type { Finding } from './check-compiler.ts';
import { type Replacement, replaceAt } from './replace-at.ts';

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
