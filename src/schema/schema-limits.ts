import { escapeSegment, type JsonObject } from './json-object.ts';

/** Nesting, and how many references may lead on to another without entering a value. */
export const MAX_LEVELS = 100;
const MAX_NODES = 20_000;
const MAX_CHARACTERS = 512 * 1024;
export const SHOWN_CHARACTERS = 200;

/** A schema cannot be used. The message says why, and where in the schema. */
export class RefusedSchemaError extends Error {
  override readonly name = 'RefusedSchemaError';

  /** `pointer` is a JSON pointer (RFC 6901). */
  constructor(reason: string, pointer: string) {
    // Names that a server chose are cut and have no control characters: this ends up in a log line.
    const clean = `#${pointer}`.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\u{fffd}');
    const shown = clean.length > SHOWN_CHARACTERS ? `${clean.slice(0, SHOWN_CHARACTERS)}…` : clean;
    super(`its schema ${reason} (at ${shown})`);
  }
}

/** Throws `RefusedSchemaError` for what is too deep or too large. */
export function measureSchema(source: JsonObject): void {
  const open: { node: unknown; level: number; pointer: string }[] = [{ node: source, level: 1, pointer: '' }];
  let nodes = 0;
  let characters = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, level, pointer } = next;
    nodes += 1;
    if (typeof node === 'string') characters += node.length;
    if (nodes > MAX_NODES || characters > MAX_CHARACTERS)
      throw new RefusedSchemaError(`is larger than ${MAX_NODES} values or ${MAX_CHARACTERS} characters`, '');
    if (typeof node !== 'object' || node === null) continue;
    if (level > MAX_LEVELS) throw new RefusedSchemaError(`is more than ${MAX_LEVELS} levels deep`, pointer);
    for (const [key, child] of Object.entries(node)) {
      characters += key.length;
      open.push({ node: child, level: level + 1, pointer: `${pointer}/${escapeSegment(key)}` });
    }
  }
}
