import type { SchemaObject } from 'openapi3-ts/oas31';
import type { JsonSchema } from '../mcp/session.ts';
import { isJsonObject, type JsonObject, resolveReference, toSegments } from './local-reference.ts';
import { isOfType, keywordKinds, parseTypeName, type TypeName } from './schema-keywords.ts';

const MAX_LEVELS = 100;

/** A schema for a document with the named entries that it refers to, or why there can be none. */
export type SchemaOutcome =
  | {
      readonly ok: true;
      readonly schema: SchemaObject;
      /** For `components/schemas`; only those that are referred to. */
      readonly components: ReadonlyMap<string, SchemaObject>;
    }
  | { readonly ok: false; readonly reason: string };

/**
 * Carries a tool's JSON Schema (2020-12 or draft-07) over into OpenAPI 3.1 with every keyword kept and in place.
 * Local references become entries of `components/schemas` whose names begin with `componentPrefix` and a dot; parts
 * that are no JSON Schema are left out one by one. Refused are references that leave the schema, which are never
 * fetched, and more than 100 levels.
 */
export function toSchema(source: JsonSchema, componentPrefix: string): SchemaOutcome {
  const writer = new SchemaWriter(source, componentPrefix);
  try {
    const schema = writer.write(source, 1);
    writer.writeComponents();
    return { ok: true, schema, components: writer.components };
  } catch (error) {
    if (error instanceof RefusedSchema) return { ok: false, reason: error.message };
    throw error;
  }
}

class RefusedSchema extends Error {}

class SchemaWriter {
  readonly components = new Map<string, SchemaObject>();
  private readonly namesByPointer = new Map<string, string>();
  private readonly unwritten: { readonly name: string; readonly source: unknown }[] = [];

  constructor(
    private readonly root: JsonSchema,
    private readonly prefix: string,
  ) {}

  /** A queue and not recursion: a thousand definitions may each refer to the next. */
  writeComponents(): void {
    for (let next = this.unwritten.shift(); next !== undefined; next = this.unwritten.shift()) {
      this.components.set(next.name, this.write(next.source, 1));
    }
  }

  write(source: unknown, level: number): SchemaObject {
    if (level > MAX_LEVELS) throw new RefusedSchema(`its schema has more than ${MAX_LEVELS} levels`);
    if (source === false) return { not: {} };
    if (!isJsonObject(source)) return {};

    const entries: [string, unknown][] = [];
    for (const [keyword, value] of Object.entries(source)) {
      entries.push(...this.writeKeyword(keyword, value, source, level));
    }
    return reconcile(entries);
  }

  private writeKeyword(keyword: string, value: unknown, source: JsonObject, level: number): [string, unknown][] {
    const schema = (child: unknown) => this.write(child, level + 1);
    const one = (written: unknown): [string, unknown][] => (written === undefined ? [] : [[keyword, written]]);
    switch (keyword) {
      case '$ref':
      case '$dynamicRef':
      case '$recursiveRef':
        return typeof value === 'string' ? this.writeReference(value) : [];
      case 'type':
        return one(toType(value, source.nullable === true));
      case 'nullable':
        return [];
      case 'items':
        // Draft-07's tuple.
        if (Array.isArray(value)) return value.length === 0 ? [] : [['prefixItems', value.map(schema)]];
        break;
      case 'additionalItems':
        return Array.isArray(source.items) && isSchema(value) ? [['items', schema(value)]] : [];
      case 'dependencies':
        return isJsonObject(value) ? this.writeDependencies(value, level) : [];
      case 'discriminator':
        return one(this.toDiscriminator(value));
      case 'exclusiveMinimum':
      case 'exclusiveMaximum': {
        // Draft-04's flag beside the bound.
        const bound = source[keyword === 'exclusiveMinimum' ? 'minimum' : 'maximum'];
        if (value === true) return one(toNumber(bound));
        break;
      }
      case 'minimum':
      case 'maximum':
        if (source[keyword === 'minimum' ? 'exclusiveMinimum' : 'exclusiveMaximum'] === true) return [];
        break;
    }

    const kind = keywordKinds.get(keyword);
    switch (kind) {
      case 'string':
        return one(typeof value === 'string' ? value : undefined);
      case 'number':
        return one(keyword === 'multipleOf' && Number(value) <= 0 ? undefined : toNumber(value));
      case 'count':
        return one(Number.isInteger(value) && Number(value) >= 0 ? value : undefined);
      case 'flag':
        return one(typeof value === 'boolean' ? value : undefined);
      case 'literal':
        return one(toLiteral(value));
      case 'literals':
        if (keyword === 'examples' && !Array.isArray(value)) return one([toLiteral(value)]);
        return one(Array.isArray(value) && value.length > 0 ? toLiteral(value) : undefined);
      case 'names':
        return one(toNames(value));
      case 'namesByKey':
        return one(mapValues(value, toNames));
      case 'schema':
        return one(isSchema(value) ? schema(value) : undefined);
      case 'schemaOrFlag':
        return one(typeof value === 'boolean' ? value : isSchema(value) ? schema(value) : undefined);
      case 'schemas':
        return one(Array.isArray(value) && value.length > 0 ? value.map(schema) : undefined);
      case 'schemasByKey':
        return one(mapValues(value, schema));
      case 'dropped':
        return [];
      case undefined:
        return [[keyword.startsWith('x-') ? keyword : `x-${keyword}`, toLiteral(value)]];
    }
  }

  private writeReference(reference: string): [string, unknown][] {
    const component = this.toComponent(reference);
    return component === undefined ? [] : [['$ref', component]];
  }

  /** Writes the target once, under its own name; a reference to nothing, or only to itself, says nothing. */
  private toComponent(reference: string): string | undefined {
    const target = resolveReference(this.root, reference);
    if (target.kind === 'external') {
      throw new RefusedSchema(
        `its schema refers to ${JSON.stringify(reference.slice(0, 200))}, which is never fetched`,
      );
    }
    if (target.kind === 'missing' || this.isCircle(target.pointer, target.value)) return undefined;

    let name = this.namesByPointer.get(target.pointer);
    if (name === undefined) {
      name = this.toComponentName(target.pointer);
      this.namesByPointer.set(target.pointer, name);
      this.components.set(name, {});
      this.unwritten.push({ name, source: target.value });
    }
    return `#/components/schemas/${name}`;
  }

  private isCircle(pointer: string, value: unknown): boolean {
    const seen = new Set([pointer]);
    while (isJsonObject(value) && typeof value.$ref === 'string') {
      const next = resolveReference(this.root, value.$ref);
      if (next.kind !== 'local') return false;
      if (seen.has(next.pointer)) return true;
      seen.add(next.pointer);
      value = next.value;
    }
    return false;
  }

  private toComponentName(pointer: string): string {
    const segments = toSegments(pointer).filter(
      (segment, index) => index > 0 || !/^(\$defs|definitions)$/.test(segment),
    );
    const words = segments.join('.').replace(/[^A-Za-z0-9._-]/gu, '_') || 'root';
    const wanted = `${this.prefix}.${words.slice(0, 100)}`;
    let name = wanted;
    for (let count = 2; this.components.has(name); count++) name = `${wanted}_${count}`;
    return name;
  }

  private writeDependencies(value: JsonObject, level: number): [string, unknown][] {
    const all = Object.entries(value);
    const names = all.filter(([, dependency]) => Array.isArray(dependency));
    const schemas = all.filter(([, dependency]) => isSchema(dependency));
    return [
      ...(names.length === 0 ? [] : [['dependentRequired', mapEntries(names, toNames)] as [string, unknown]]),
      ...(schemas.length === 0
        ? []
        : [['dependentSchemas', mapEntries(schemas, (child) => this.write(child, level + 1))] as [string, unknown]]),
    ];
  }

  private toDiscriminator(value: unknown): unknown {
    if (!isJsonObject(value) || typeof value.propertyName !== 'string') return undefined;
    const mapping = mapValues(value.mapping, (target) =>
      typeof target === 'string' && target.startsWith('#') ? this.toComponent(target) : undefined,
    );
    return { propertyName: value.propertyName, ...(mapping === undefined ? {} : { mapping }) };
  }
}

/** Takes out what can never hold, which validators of documents call an error: enum values of another type, and so on. */
function reconcile(entries: readonly [string, unknown][]): SchemaObject {
  // Not by assignment: a property may be called `__proto__`.
  const schema = Object.fromEntries(entries) as Record<string, unknown>;
  const types = [schema.type].flat().filter((type): type is TypeName => type !== undefined);
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

function isSchema(value: unknown): boolean {
  return typeof value === 'boolean' || isJsonObject(value);
}

function toType(value: unknown, isNullable: boolean): TypeName | readonly TypeName[] | undefined {
  const names = new Set([value].flat().map(parseTypeName));
  names.delete(undefined);
  if (names.size > 0 && isNullable) names.add('null');
  const types = [...names] as TypeName[];
  return types.length === 0 ? undefined : types.length === 1 && !Array.isArray(value) ? types[0] : types;
}

function toNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function toNames(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return [...new Set(value.filter((name): name is string => typeof name === 'string'))];
}

/** A value of the server's own, unchanged; refused if serialising it could exhaust the stack. */
function toLiteral(value: unknown): unknown {
  let layer: unknown[] = [value];
  for (let level = 0; layer.length > 0; level++) {
    if (level > MAX_LEVELS) throw new RefusedSchema(`its schema has more than ${MAX_LEVELS} levels`);
    layer = layer.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return value;
}

function mapValues(value: unknown, map: (child: unknown) => unknown): unknown {
  return isJsonObject(value) ? mapEntries(Object.entries(value), map) : undefined;
}

function mapEntries(entries: readonly (readonly [string, unknown])[], map: (child: unknown) => unknown): unknown {
  return Object.fromEntries(
    entries.map(([key, child]) => [key, map(child)] as const).filter(([, mapped]) => mapped !== undefined),
  );
}
