import { isJsonObject } from '../json-object.ts';
import { type Schema, type SchemaNode, subschemasOf } from '../schema.ts';
import { isOfType, type TypeName } from '../schema-keywords.ts';
import type { Replacement } from './coerce-strings.ts';

/** As many places are filled at most in one value. */
const MAX_FILLED = 50_000;

type Properties = ReadonlyMap<string, Schema>;

/** The defaults of one schema, to be filled in where a value has nothing. */
export class Defaults {
  readonly #root: Schema;
  /** The schemas that have a property with a default, or lead to one that has. */
  readonly #leading: ReadonlySet<Schema>;

  constructor(root: Schema) {
    this.#root = root;
    this.#leading = findLeading(root);
  }

  /**
   * Fills in what properties have as their default, also in nested objects and items that are there, and in the one
   * alternative that an object can be meant for. A default that is not even of its own schema's type is left out.
   * Returns what was filled in.
   */
  fill(value: unknown): Replacement[] {
    const filled: Replacement[] = [];
    this.#fill(this.#root, value, filled);
    return filled;
  }

  #fill(schema: Schema | undefined, value: unknown, filled: Replacement[]): void {
    if (typeof schema !== 'object' || !this.#leading.has(schema) || typeof value !== 'object' || value === null) return;
    for (const target of schema.references) this.#fill(target, value, filled);
    for (const member of listOf(schema, 'allOf')) this.#fill(member, value, filled);
    for (const keyword of ['anyOf', 'oneOf']) {
      const fitting = listOf(schema, keyword).filter((member) => mayBe(member, value));
      if (fitting.length === 1) this.#fill(fitting[0], value, filled);
    }
    if (Array.isArray(value)) this.#fillItems(schema, value, filled);
    else this.#fillProperties(schema, value as Record<string, unknown>, filled);
  }

  #fillItems(schema: SchemaNode, value: readonly unknown[], filled: Replacement[]): void {
    const prefix = listOf(schema, 'prefixItems');
    const rest = schema.keywords.get('items') as Schema | undefined;
    if (![...prefix, rest].some((item) => item !== undefined && this.#leading.has(item))) return;
    for (const [index, item] of value.entries()) this.#fill(prefix[index] ?? rest, item, filled);
  }

  #fillProperties(schema: SchemaNode, value: Record<string, unknown>, filled: Replacement[]): void {
    const properties = propertiesOf(schema);
    for (const [key, property] of properties) {
      if (key === '__proto__' || typeof property === 'boolean') continue;
      if (!Object.hasOwn(value, key)) {
        const byDefault = property.keywords.get('default');
        if (byDefault === undefined || !mayBe(property, byDefault)) continue;
        if (filled.length >= MAX_FILLED) return;
        value[key] = structuredClone(byDefault);
        filled.push({ holder: value, key });
      }
      this.#fill(property, value[key], filled);
    }
    const rest = schema.keywords.get('additionalProperties') as Schema | undefined;
    if (rest === undefined || !this.#leading.has(rest)) return;
    for (const key of Object.keys(value)) if (!properties.has(key)) this.#fill(rest, value[key], filled);
  }
}

function findLeading(root: Schema): ReadonlySet<Schema> {
  const leadingTo = new Map<Schema, Schema[]>();
  const marked: Schema[] = [];
  const open = [root];
  for (let schema = open.pop(); schema !== undefined; schema = open.pop()) {
    if (typeof schema === 'boolean') continue;
    const hasDefault = (property: Schema) => typeof property === 'object' && property.keywords.has('default');
    if ([...propertiesOf(schema).values()].some(hasDefault)) marked.push(schema);
    for (const child of [...schema.references, ...subschemasOf(schema).map((one) => one.schema)]) {
      if (typeof child === 'boolean') continue;
      const sources = leadingTo.get(child);
      if (sources === undefined) {
        leadingTo.set(child, [schema]);
        open.push(child);
      } else sources.push(schema);
    }
  }
  const leading = new Set<Schema>();
  for (let schema = marked.pop(); schema !== undefined; schema = marked.pop()) {
    if (leading.has(schema)) continue;
    leading.add(schema);
    marked.push(...(leadingTo.get(schema) ?? []));
  }
  return leading;
}

function propertiesOf({ keywords }: SchemaNode): Properties {
  return (keywords.get('properties') as Properties | undefined) ?? new Map();
}

function listOf({ keywords }: SchemaNode, keyword: string): readonly Schema[] {
  return (keywords.get(keyword) as readonly Schema[] | undefined) ?? [];
}

/** Whether a value can be meant for a schema, by its type, its own values, and those of its tags. */
function mayBe(schema: Schema, value: unknown): boolean {
  if (typeof schema === 'boolean') return schema;
  const types = [schema.keywords.get('type') ?? []].flat() as TypeName[];
  if (types.length > 0 && !types.some((type) => isOfType(value, type))) return false;
  if (!isAllowed(schema, value) || !schema.references.every((target) => mayBe(target, value))) return false;
  return (
    !isJsonObject(value) ||
    [...propertiesOf(schema)].every(([key, property]) => !Object.hasOwn(value, key) || isAllowed(property, value[key]))
  );
}

/** By `enum` and `const`, where a value is not an object. */
function isAllowed(schema: Schema, value: unknown): boolean {
  if (typeof schema === 'boolean' || (typeof value === 'object' && value !== null)) return true;
  const { keywords } = schema;
  if (keywords.has('const') && keywords.get('const') !== value) return false;
  return (keywords.get('enum') as readonly unknown[] | undefined)?.includes(value) ?? true;
}
