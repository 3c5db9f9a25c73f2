import { escapeSegment, isJsonObject, type JsonObject } from './json-object.ts';
import { ReferenceIndex, referencesOf } from './reference-index.ts';
import { subschemasOf } from './subschemas.ts';

/** Nesting, and how many references may lead on to another without a value being entered. */
const MAX_LEVELS = 100;
const MAX_NODES = 20_000;
const MAX_CHARACTERS = 512 * 1024;
const SHOWN_CHARACTERS = 200;

/** Why a schema cannot be used, and where in it. */
export interface SchemaProblem {
  /** A JSON pointer (RFC 6901) with `#` in front, at most 200 characters. */
  readonly place: string;
  /** Goes on from "its schema …". */
  readonly reason: string;
}

interface Place {
  readonly key: string;
  readonly parent: Place | undefined;
}

/**
 * Says why a schema cannot be checked against: too deep, too large, or a reference that leads out of it, to nowhere
 * in it, or in a circle. What passes can be compiled. Only what the root leads to is judged.
 */
export function findSchemaProblem(schema: JsonObject | boolean): SchemaProblem | undefined {
  const measured = measure(schema);
  if (typeof measured !== 'boolean') return measured;
  return measured && isJsonObject(schema) ? judgeReferences(schema) : undefined;
}

/** Returns whether there is any reference, or what is too much. */
function measure(schema: unknown): boolean | SchemaProblem {
  const open: { node: unknown; level: number; place: Place | undefined }[] = [
    { node: schema, level: 0, place: undefined },
  ];
  let nodes = 0;
  let characters = 0;
  let hasReference = false;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, level, place } = next;
    nodes += 1;
    if (typeof node === 'string') characters += node.length;
    const isTooLarge = nodes > MAX_NODES || characters > MAX_CHARACTERS;
    if (isTooLarge) return { place: '#', reason: `is larger than ${MAX_NODES} values or ${MAX_CHARACTERS} characters` };
    if (typeof node !== 'object' || node === null) continue;
    if (level > MAX_LEVELS) return { place: toPointer(place), reason: `is more than ${MAX_LEVELS} levels deep` };
    for (const key of Object.keys(node)) {
      characters += key.length;
      const isReferenceKey = key === '$ref' || key === '$dynamicRef' || key === '$recursiveRef';
      hasReference ||= isReferenceKey;
      open.push({ node: (node as JsonObject)[key], level: level + 1, place: { key, parent: place } });
    }
  }
  return hasReference;
}

function judgeReferences(root: JsonObject): SchemaProblem | undefined {
  const index = new ReferenceIndex(root);
  const known = new Map<JsonObject, Place | undefined>([[root, undefined]]);
  const open: JsonObject[] = [root];
  /** What must hold for the same value: a circle of these never ends. */
  const sameValue = new Map<JsonObject, JsonObject[]>();
  for (let schema = open.pop(); schema !== undefined; schema = open.pop()) {
    const place = known.get(schema);
    const next: JsonObject[] = [];
    const lead = (target: unknown, targetPlace: Place | undefined): void => {
      if (!isJsonObject(target) || known.has(target)) return;
      known.set(target, targetPlace);
      open.push(target);
    };
    for (const reference of referencesOf(schema)) {
      const target = index.resolve(schema, reference);
      if (target.kind !== 'local') return { place: toPointer(place), reason: toReason(target.kind, reference.text) };
      if (isJsonObject(target.schema)) next.push(target.schema);
      lead(target.schema, { key: reference.keyword, parent: place });
    }
    for (const { keyword, key, role, schema: child } of subschemasOf(schema)) {
      if (role === 'definition') continue;
      const keywordPlace = { key: keyword, parent: place };
      if (role === 'same value' && isJsonObject(child)) next.push(child);
      lead(child, key === undefined ? keywordPlace : { key, parent: keywordPlace });
    }
    sameValue.set(schema, next);
  }
  const endless = findEndless(sameValue);
  return endless && { place: toPointer(known.get(endless.schema)), reason: endless.reason };
}

function toReason(kind: 'missing' | 'external', reference: string): string {
  const shown = JSON.stringify(reference.slice(0, SHOWN_CHARACTERS));
  return kind === 'external' ? `refers to ${shown}, and no $ref is fetched` : `refers to ${shown}, which is not in it`;
}

/** Finds a schema that its own value leads back to, or that is more than 100 steps from its start. */
function findEndless(
  edges: ReadonlyMap<JsonObject, readonly JsonObject[]>,
): { readonly schema: JsonObject; readonly reason: string } | undefined {
  const toItself = (schema: JsonObject) => ({ schema, reason: 'refers to itself without an end' });
  const depths = new Map<JsonObject, number>();
  const path = new Set<JsonObject>();
  for (const start of edges.keys()) {
    const open: { schema: JsonObject; isLeaving: boolean }[] = [{ schema: start, isLeaving: false }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { schema, isLeaving } = next;
      const targets = edges.get(schema) ?? [];
      if (isLeaving) {
        path.delete(schema);
        depths.set(schema, 1 + targets.reduce((most, target) => Math.max(most, depths.get(target) ?? 0), 0));
        if ((depths.get(schema) ?? 0) > MAX_LEVELS) {
          return { schema, reason: `has more than ${MAX_LEVELS} references and alternatives inside each other` };
        }
        continue;
      }
      if (path.has(schema)) return toItself(schema);
      if (depths.has(schema)) continue;
      path.add(schema);
      open.push({ schema, isLeaving: true });
      for (const target of targets) {
        if (path.has(target)) return toItself(target);
        open.push({ schema: target, isLeaving: false });
      }
    }
  }
  return undefined;
}

/** Names that a server chose are cut and have no control characters: this ends up in a log line. */
function toPointer(place: Place | undefined): string {
  const keys: string[] = [];
  for (let at = place; at !== undefined; at = at.parent) keys.push(escapeSegment(at.key));
  const pointer = `#${keys
    .reverse()
    .map((key) => `/${key}`)
    .join('')}`;
  const clean = pointer.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\u{fffd}');
  return clean.length > SHOWN_CHARACTERS ? `${clean.slice(0, SHOWN_CHARACTERS)}…` : clean;
}
