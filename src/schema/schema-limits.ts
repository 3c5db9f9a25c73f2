import { escapeSegment, type JsonObject } from './json-object.ts';
import { REFERENCE_KEYWORDS } from './reference-index.ts';

/** Nesting, and how many references may lead on to another without entering a value. */
export const MAX_LEVELS = 100;
const MAX_NODES = 20_000;
const MAX_CHARACTERS = 512 * 1024;
export const SHOWN_CHARACTERS = 200;

/** A schema cannot be used. The message says why, and where in the schema. */
export class RefusedSchemaError extends Error {
  override readonly name = 'RefusedSchemaError';

  constructor(reason: string, place: string) {
    // Names that a server chose are cut and have no control characters: this ends up in a log line.
    const clean = place.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\u{fffd}');
    const shown = clean.length > SHOWN_CHARACTERS ? `${clean.slice(0, SHOWN_CHARACTERS)}…` : clean;
    super(`its schema ${reason} (at ${shown})`);
  }
}

/** Returns whether there may be references. Throws `RefusedSchemaError` for what is too deep or too large. */
export function measureSchema(source: JsonObject): boolean {
  const open: { node: unknown; level: number; place: string }[] = [{ node: source, level: 1, place: '#' }];
  let nodes = 0;
  let characters = 0;
  let hasReferences = false;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, level, place } = next;
    nodes += 1;
    if (typeof node === 'string') characters += node.length;
    if (nodes > MAX_NODES || characters > MAX_CHARACTERS)
      throw new RefusedSchemaError(`is larger than ${MAX_NODES} values or ${MAX_CHARACTERS} characters`, '#');
    if (typeof node !== 'object' || node === null) continue;
    if (level > MAX_LEVELS) throw new RefusedSchemaError(`is more than ${MAX_LEVELS} levels deep`, place);
    for (const [key, child] of Object.entries(node)) {
      characters += key.length;
      hasReferences ||= (REFERENCE_KEYWORDS as readonly string[]).includes(key);
      open.push({ node: child, level: level + 1, place: `${place}/${escapeSegment(key)}` });
    }
  }
  return hasReferences;
}
