import type { SchemaObject } from 'openapi3-ts/oas31';
import { type JsonObject, toSegments } from './json-object.ts';
import { normalizeSchema } from './normalize-schema.ts';
import { type Schema, type SchemaNode, writeKeyword } from './schema.ts';
import { isOfType, type TypeName } from './schema-keywords.ts';

/** A schema for a document, with the entries of `components/schemas` that it refers to. */
export interface ExactSchema {
  readonly schema: SchemaObject;
  readonly components: ReadonlyMap<string, SchemaObject>;
}

/**
 * Writes a tool's JSON Schema as OpenAPI 3.1 has it, every keyword in its place. What references lead to becomes an
 * entry of `components/schemas` whose name begins with `componentPrefix` and a dot. Throws `RefusedSchemaError`.
 */
export function toExactSchema(source: JsonObject | boolean, componentPrefix: string): ExactSchema {
  const writer = new ExactWriter(componentPrefix);
  const schema = writer.write(normalizeSchema(source));
  return { schema, components: writer.writeComponents() };
}

class ExactWriter {
  readonly #prefix: string;
  readonly #names = new Map<SchemaNode, string>();
  readonly #taken = new Set<string>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** A queue and no recursion: a thousand definitions may each refer to the next. */
  writeComponents(): ReadonlyMap<string, SchemaObject> {
    const components = new Map<string, SchemaObject>();
    // Writing one adds those that it refers to.
    for (const [node, name] of this.#names) components.set(name, this.write(node));
    return components;
  }

  write(schema: Schema): SchemaObject {
    if (typeof schema === 'boolean') return schema ? {} : { not: {} };
    const entries = [...schema.keywords].map(([keyword, value]) => [keyword, this.#writeKeyword(keyword, value)]);
    const references = schema.references.map((target) => ({ $ref: `#/components/schemas/${this.#nameOf(target)}` }));
    const [first, ...others] = references;
    // Not by assignment: a property may be called `__proto__`.
    const written = Object.fromEntries([...Object.entries(first ?? {}), ...entries]) as SchemaObject;
    if (others.length > 0) written.allOf = [...(written.allOf ?? []), ...others];
    return withoutImpossible(written);
  }

  #writeKeyword(keyword: string, value: unknown): unknown {
    // Booleans are what clients know for properties that are not described.
    const isFlag = typeof value === 'boolean' && /^(additional|unevaluated)/.test(keyword);
    if (isFlag) return value;
    if (keyword !== 'discriminator') return writeKeyword(keyword, value, (child) => this.write(child));
    const { propertyName, mapping } = value as { propertyName: string; mapping: ReadonlyMap<string, SchemaNode> };
    const targets = [...mapping].map(([key, node]) => [key, `#/components/schemas/${this.#nameOf(node)}`]);
    return { propertyName, ...(targets.length > 0 ? { mapping: Object.fromEntries(targets) } : {}) };
  }

  /** Named after its place in the source; two places that look alike get a number. */
  #nameOf(node: SchemaNode): string {
    const known = this.#names.get(node);
    if (known !== undefined) return known;
    const segments = toSegments(node.pointer);
    const isDefinition = /^(\$defs|definitions)$/.test(segments[0] ?? '');
    const words =
      segments
        .slice(isDefinition ? 1 : 0)
        .join('.')
        .replace(/[^A-Za-z0-9._-]/gu, '_') || 'root';
    const wanted = `${this.#prefix}.${words.slice(0, 100)}`;
    let name = wanted;
    for (let count = 2; this.#taken.has(name); count++) name = `${wanted}_${count}`;
    this.#taken.add(name);
    this.#names.set(node, name);
    return name;
  }
}

/** Removes what can never hold, which validators of documents call an error: enum values of another type, and so on. */
function withoutImpossible(schema: SchemaObject): SchemaObject {
  const types = [schema.type ?? []].flat() as TypeName[];
  if (types.length === 0) return schema;
  if (Array.isArray(schema.enum)) {
    const possible = schema.enum.filter((value) => types.some((type) => isOfType(value, type)));
    if (possible.length > 0) schema.enum = possible;
    else delete schema.type;
  }
  if (!types.includes('object')) delete schema.properties;
  if (!types.includes('array')) delete schema.items;
  return schema;
}
