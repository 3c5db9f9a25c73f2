import { escapeSegment, isJsonObject } from '../json-object.ts';
import { type Schema, type SchemaNode, someSchema } from '../schema.ts';
import { isOfType, type TypeName } from '../schema-keywords.ts';

/** As many places are filled at most in one value. */
const MAX_FILLED = 50_000;

/** One value put in the place of another, or where there was none, so that it can be undone. */
export interface Replacement {
  /** A JSON pointer (RFC 6901). */
  readonly path: string;
  readonly holder: Record<string, unknown>;
  readonly key: string;
  /** Absent where there was none. */
  readonly previous?: unknown;
}

type Properties = ReadonlyMap<string, Schema>;

/**
 * Fills in what properties have as their default, also in nested objects and items that are there, and in the one
 * alternative that an object can be meant for. A default that is not even of its own schema's type is left out.
 * Returns what was filled in.
 */
export type FillDefaults = (value: unknown) => readonly Replacement[];

/** `undefined` for a schema without defaults. */
export function toFillDefaults(schema: Schema): FillDefaults | undefined {
  const leading = new Map<Schema, boolean>();
  if (!leadsToDefault(schema, leading)) return undefined;
  return (value) => {
    const filling = new Filling(leading);
    filling.fill(schema, value, '');
    return filling.filled;
  };
}

class Filling {
  readonly filled: Replacement[] = [];
  readonly #leading: Map<Schema, boolean>;

  constructor(leading: Map<Schema, boolean>) {
    this.#leading = leading;
  }

  fill(schema: Schema | undefined, value: unknown, path: string): void {
    if (typeof schema !== 'object' || typeof value !== 'object' || value === null) return;
    if (!leadsToDefault(schema, this.#leading)) return;
    for (const target of [...schema.references, ...listOf(schema, 'allOf')]) this.fill(target, value, path);
    for (const keyword of ['anyOf', 'oneOf']) {
      const fitting = listOf(schema, keyword).filter((member) => mayBe(member, value));
      if (fitting.length === 1) this.fill(fitting[0], value, path);
    }
    if (Array.isArray(value)) this.#fillItems(schema, value, path);
    else this.#fillProperties(schema, value as Record<string, unknown>, path);
  }

  #fillItems(schema: SchemaNode, value: readonly unknown[], path: string): void {
    const prefix = listOf(schema, 'prefixItems');
    const rest = schema.keywords.get('items') as Schema | undefined;
    if (![...prefix, rest ?? true].some((item) => leadsToDefault(item, this.#leading))) return;
    for (const [index, item] of value.entries()) this.fill(prefix[index] ?? rest, item, `${path}/${index}`);
  }

  #fillProperties(schema: SchemaNode, value: Record<string, unknown>, path: string): void {
    const properties = propertiesOf(schema);
    for (const [key, property] of properties) {
      if (key === '__proto__' || typeof property === 'boolean') continue;
      const inside = `${path}/${escapeSegment(key)}`;
      if (!Object.hasOwn(value, key)) {
        const byDefault = property.keywords.get('default');
        if (byDefault === undefined || !mayBe(property, byDefault)) continue;
        if (this.filled.length >= MAX_FILLED) return;
        value[key] = structuredClone(byDefault);
        this.filled.push({ path: inside, holder: value, key });
      }
      this.fill(property, value[key], inside);
    }
    const rest = schema.keywords.get('additionalProperties') as Schema | undefined;
    if (!leadsToDefault(rest ?? true, this.#leading)) return;
    for (const key of Object.keys(value))
      if (!properties.has(key)) this.fill(rest, value[key], `${path}/${escapeSegment(key)}`);
  }
}

/** Whether a schema has a property with a default, or leads to one that has; `known` is what was found so far. */
function leadsToDefault(schema: Schema, known: Map<Schema, boolean>): boolean {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const seen = new Set<Schema>();
  const leads = someSchema(schema, hasDefault, seen);
  for (const one of leads ? [schema] : seen) known.set(one, leads);
  return leads;
}

function hasDefault(schema: SchemaNode): boolean {
  return [...propertiesOf(schema).values()].some(
    (property) => typeof property === 'object' && property.keywords.has('default'),
  );
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
