import { isInPlace, kindOf } from './schema-keywords.ts';

/** A schema in JSON Schema 2020-12, whatever draft its source is in. */
export type Schema = SchemaNode | boolean;

/**
 * One schema object with its references followed, so the whole is a graph, with circles where a schema is recursive.
 * A circle always leads through a value: no schema leads back to itself for the same value.
 */
export interface SchemaNode {
  /** A JSON pointer (RFC 6901) to its place in the source. */
  readonly pointer: string;
  /** What `$ref`, `$dynamicRef` and `$recursiveRef` lead to. */
  readonly references: readonly SchemaNode[];
  /**
   * The well-formed keywords in the source's order. Subschemas are `Schema`s; keywords with an entry for each property
   * are `Map`s, since a property may have any name.
   */
  readonly keywords: ReadonlyMap<string, unknown>;
}

/** Converts a keyword's value to JSON: each subschema by `write`, each `Map` to an object, the rest unchanged. */
export function writeKeyword(keyword: string, value: unknown, write: (schema: Schema) => unknown): unknown {
  switch (kindOf(keyword)) {
    case 'schema':
      return write(value as Schema);
    case 'schemas':
      return (value as readonly Schema[]).map(write);
    case 'schemas by key':
      return Object.fromEntries([...(value as ReadonlyMap<string, Schema>)].map(([key, child]) => [key, write(child)]));
    case 'names by key':
      return Object.fromEntries(value as ReadonlyMap<string, unknown>);
    default:
      return value;
  }
}

/** The subschemas of a schema, without what it refers to. */
export function subschemasOf({ keywords }: SchemaNode): { readonly schema: Schema; readonly isInPlace: boolean }[] {
  const found: { schema: Schema; isInPlace: boolean }[] = [];
  for (const [keyword, value] of keywords)
    writeKeyword(keyword, value, (schema) => found.push({ schema, isInPlace: isInPlace(keyword) }));
  return found;
}

/** Whether something holds of a schema or one in it; with `seen`, also of those that it refers to. */
export function someSchema(root: Schema, is: (node: SchemaNode) => boolean, seen?: Set<Schema>): boolean {
  const open: Schema[] = [root];
  for (let schema = open.pop(); schema !== undefined; schema = open.pop()) {
    if (typeof schema === 'boolean' || seen?.has(schema)) continue;
    if (is(schema)) return true;
    seen?.add(schema);
    open.push(...subschemasOf(schema).map((child) => child.schema), ...(seen === undefined ? [] : schema.references));
  }
  return false;
}
