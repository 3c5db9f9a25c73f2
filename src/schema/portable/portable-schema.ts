import type { SchemaObject } from 'openapi3-ts/oas31';
import type { JsonObject } from '../json-object.ts';
import { normalizeSchema } from '../normalize-schema.ts';
import type { Schema } from '../schema.ts';
import { describeConstraints } from './describe-constraints.ts';
import { flattenArguments } from './flatten-arguments.ts';
import { addSentence, anyNode, isNever, nameRecord, type PortableNode } from './portable-node.ts';
import { PortableWriter } from './portable-writer.ts';
import { everyType, type TypeSet } from './type-set.ts';

/** How often a cycle is unrolled; a schema that grows too large that way is unrolled less. */
const UNROLLED_LEVELS = [3, 2, 1] as const;

/**
 * A tool's JSON Schema as one inline tree for clients that understand little: every node has one scalar `type` or an
 * `anyOf` of such nodes; no references, no boolean schemas, no tuples; `arguments` are one object with flat
 * `properties`. Every keyword that a client can use stays, and what clients drop is said again in the description. It
 * allows what the source allows and never less, but for arrays nested three times in a value that may be anything, and
 * for arguments that only some alternatives name. Throws `RefusedSchemaError`.
 */
export function toPortableSchema(source: JsonObject | boolean, position: 'arguments' | 'value'): SchemaObject {
  const types: TypeSet = position === 'arguments' ? new Set(['object' as const]) : everyType;
  const written = write(normalizeSchema(source), types);
  const root = position === 'arguments' ? toArguments(written) : isNever(written) ? anyNode() : written;
  describeConstraints(root);
  return root as unknown as SchemaObject;
}

function write(schema: Schema, types: TypeSet): PortableNode {
  let node: PortableNode | undefined;
  for (const levels of UNROLLED_LEVELS) {
    const writer = new PortableWriter(levels);
    node = writer.writeRoot(schema, types);
    if (!writer.isOverBudget) return node;
  }
  node ??= anyNode(types);
  addSentence(node, 'Some parts are shortened because the whole is too large to describe.');
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
