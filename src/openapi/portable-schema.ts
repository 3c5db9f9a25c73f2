import type { SchemaObject } from 'openapi3-ts/oas31';
import type { JsonSchema } from '../mcp/session.ts';
import { describeConstraints } from './describe-constraints.ts';
import { flattenArguments } from './flatten-arguments.ts';
import { addSentence, anyNode, isNever, nameRecord, type PortableNode } from './portable-node.ts';
import { PortableWriter } from './portable-writer.ts';
import { indexSchema, RefusedSchema } from './schema-index.ts';
import { everyType, type TypeSet } from './type-set.ts';

/** How often a cycle is unrolled; a schema that grows too large that way is unrolled less. */
const UNROLLED_LEVELS = [3, 2, 1] as const;

/** A schema that any client can read, or why there can be none: the reason names the place as a JSON Pointer. */
export type PortableSchemaOutcome =
  | { readonly ok: true; readonly schema: SchemaObject }
  | { readonly ok: false; readonly reason: string };

/**
 * A tool's JSON Schema (draft-04 to 2020-12) as one inline tree for clients that understand little: every node has one
 * scalar `type` or an `anyOf` of such nodes; no references, no boolean schemas, no tuples; `arguments` are one object
 * with flat `properties`. Every keyword that a client can use stays, and what clients drop is said again in the
 * description. It allows what the source allows and never less, but for arrays nested three times in a value that may
 * be anything, and for arguments that only some alternatives name. Refused are references that leave the schema, which
 * are never fetched, and more than 100 levels.
 */
export function toPortableSchema(source: JsonSchema, position: 'arguments' | 'value'): PortableSchemaOutcome {
  try {
    const types: TypeSet = position === 'arguments' ? new Set(['object' as const]) : everyType;
    const written = write(source, types);
    const root = position === 'arguments' ? toArguments(written) : isNever(written) ? anyNode() : written;
    describeConstraints(root);
    return { ok: true, schema: root as unknown as SchemaObject };
  } catch (error) {
    if (error instanceof RefusedSchema) return { ok: false, reason: error.message };
    throw error;
  }
}

function write(source: JsonSchema, types: TypeSet): PortableNode {
  const index = indexSchema(source);
  let node: PortableNode | undefined;
  for (const levels of UNROLLED_LEVELS) {
    const writer = new PortableWriter(index, levels);
    node = writer.writeRoot(types);
    if (!writer.isOverBudget) return node;
    if (!writer.hasCutCycle) break;
  }
  node ??= anyNode(types);
  addSentence(node, 'Some parts are shortened, because the whole is too large to be told.');
  return node;
}

function toArguments(written: PortableNode): PortableNode {
  if (isNever(written)) return { type: 'object', properties: nameRecord(), additionalProperties: true };
  const root = flattenArguments(written);
  const properties = root.properties ?? nameRecord();
  for (const name of root.required ?? []) {
    // Providers refuse a required argument that is nowhere described.
    if (!Object.hasOwn(properties, name)) properties[name] = anyNode();
  }
  root.properties = properties;
  return root;
}
