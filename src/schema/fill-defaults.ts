import { isJsonObject, type JsonObject } from './json-object.ts';
import type { Replacement } from './replace-at.ts';
import type { SchemaUnits } from './schema-units.ts';
import { toTypes } from './sound-keywords.ts';
import { subschemasOf } from './subschemas.ts';

/** As many places are filled at most in one value. */
const MAX_FILLED = 50_000;

/** The defaults of one schema, to be filled in where a value has nothing. */
export class Defaults {
  readonly #units: SchemaUnits;
  readonly #root: JsonObject | boolean;
  readonly #leading = new Set<JsonObject>();

  constructor(root: JsonObject | boolean, units: SchemaUnits) {
    this.#root = root;
    this.#units = units;
    this.#findLeading();
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

  #fill(schema: unknown, value: unknown, filled: Replacement[]): void {
    if (!isJsonObject(schema) || !this.#leading.has(schema) || typeof value !== 'object' || value === null) return;
    for (const target of this.#units.targetsOf(schema)) this.#fill(target, value, filled);
    for (const member of listOf(schema.allOf)) this.#fill(member, value, filled);
    for (const keyword of ['anyOf', 'oneOf']) {
      const fitting = listOf(schema[keyword]).filter((member) => this.#mayBe(member, value));
      if (fitting.length === 1) this.#fill(fitting[0], value, filled);
    }
    if (Array.isArray(value)) this.#fillItems(schema, value, filled);
    else this.#fillProperties(schema, value as Record<string, unknown>, filled);
  }

  #fillItems({ items, prefixItems }: JsonObject, value: readonly unknown[], filled: Replacement[]): void {
    const prefix = Array.isArray(items) ? items : listOf(prefixItems);
    const rest = Array.isArray(items) ? undefined : items;
    const isWorthIt = [...prefix, rest].some((schema) => isJsonObject(schema) && this.#leading.has(schema));
    if (!isWorthIt) return;
    for (const [index, item] of value.entries()) this.#fill(prefix[index] ?? rest, item, filled);
  }

  #fillProperties(schema: JsonObject, value: Record<string, unknown>, filled: Replacement[]): void {
    const properties = isJsonObject(schema.properties) ? schema.properties : {};
    for (const [key, property] of Object.entries(properties)) {
      if (key === '__proto__' || !isJsonObject(property)) continue;
      if (!Object.hasOwn(value, key)) {
        if (!Object.hasOwn(property, 'default') || !this.#mayBe(property, property.default)) continue;
        if (filled.length >= MAX_FILLED) return;
        value[key] = copyOf(property.default);
        filled.push({ holder: value, key });
      }
      this.#fill(property, value[key], filled);
    }
    const rest = schema.additionalProperties;
    if (!isJsonObject(rest) || !this.#leading.has(rest)) return;
    for (const key of Object.keys(value)) if (!Object.hasOwn(properties, key)) this.#fill(rest, value[key], filled);
  }

  /** Whether a value can be meant for a schema, by its type, its own values, and those of its tags. */
  #mayBe(schema: unknown, value: unknown): boolean {
    if (schema === false) return false;
    if (!isJsonObject(schema)) return true;
    const types = schema.nullable === true ? undefined : toTypes(schema.type);
    if (types !== undefined && !types.some((type) => isOfType(value, type))) return false;
    if (!isAllowed(schema, value)) return false;
    if (!this.#units.targetsOf(schema).every((target) => this.#mayBe(target, value))) return false;
    if (!isJsonObject(value) || !isJsonObject(schema.properties)) return true;
    return Object.entries(schema.properties).every(
      ([key, property]) => !isJsonObject(property) || !Object.hasOwn(value, key) || isAllowed(property, value[key]),
    );
  }

  /** Marks the schemas that have a default, or lead to one that has. */
  #findLeading(): void {
    const leadingTo = new Map<JsonObject, JsonObject[]>();
    const marked: JsonObject[] = [];
    const open: JsonObject[] = isJsonObject(this.#root) ? [this.#root] : [];
    const known = new Set(open);
    for (let schema = open.pop(); schema !== undefined; schema = open.pop()) {
      const properties = isJsonObject(schema.properties) ? Object.values(schema.properties) : [];
      if (properties.some((property) => isJsonObject(property) && Object.hasOwn(property, 'default')))
        marked.push(schema);
      const inside = subschemasOf(schema).filter(({ role }) => role !== 'definition');
      for (const child of [...this.#units.targetsOf(schema), ...inside.map((subschema) => subschema.schema)]) {
        if (!isJsonObject(child)) continue;
        const sources = leadingTo.get(child);
        if (sources === undefined) leadingTo.set(child, [schema]);
        else sources.push(schema);
        if (known.has(child)) continue;
        known.add(child);
        open.push(child);
      }
    }
    for (let schema = marked.pop(); schema !== undefined; schema = marked.pop()) {
      if (this.#leading.has(schema)) continue;
      this.#leading.add(schema);
      marked.push(...(leadingTo.get(schema) ?? []));
    }
  }
}

function copyOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? structuredClone(value) : value;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** By `enum` and `const`, as far as a value is no object. */
function isAllowed(schema: JsonObject, value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return true;
  if (Object.hasOwn(schema, 'const') && schema.const !== value) return false;
  return !Array.isArray(schema.enum) || schema.enum.length === 0 || schema.enum.includes(value);
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isJsonObject(value);
  return type === 'null' ? value === null : typeof value === type;
}
