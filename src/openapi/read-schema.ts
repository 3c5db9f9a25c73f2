import { isJsonObject, type JsonObject } from './local-reference.ts';
import { isAnnotation } from './portable-node.ts';
import { isOfType, keywordKinds, parseTypeName, type TypeName } from './schema-keywords.ts';
import { type TypeSet, toTypeSet, typeOfValue } from './type-set.ts';

/** One schema object, its own keywords only, as 2020-12 would spell them; what is broken is left out. */
export interface ReadSchema {
  /** As `type` says; `undefined` if it says nothing. */
  readonly types: TypeSet | undefined;
  /** OpenAPI 3.0: null as well. */
  readonly isNullable: boolean;
  readonly references: readonly { readonly keyword: string; readonly reference: string }[];
  /** The values of `const` or `enum` that both allow. */
  readonly values: readonly unknown[] | undefined;
  /** Keywords that constrain, with valid values; schemas in them are still unread. */
  readonly constraints: ReadonlyMap<string, unknown>;
  /** Keywords that tell, and unknown ones as `x-…`. */
  readonly annotations: ReadonlyMap<string, unknown>;
}

/** Reads any draft from 04 on; `ignoresSiblings`: what constrains beside `$ref` does not count (up to draft-07). */
export function readSchema(source: JsonObject, ignoresSiblings: boolean): ReadSchema {
  const references = ['$ref', '$dynamicRef', '$recursiveRef'].flatMap((keyword) => {
    const reference = source[keyword];
    return typeof reference === 'string' ? [{ keyword, reference }] : [];
  });
  const constraints = new Map<string, unknown>();
  const annotations = new Map<string, unknown>();
  const isConstrained = !(ignoresSiblings && typeof source.$ref === 'string');
  for (const [keyword, value] of Object.entries(source)) {
    for (const [name, read] of readKeyword(keyword, value, source)) {
      if (read === undefined) continue;
      if (isAnnotation(name)) annotations.set(name, read);
      else if (isConstrained) constraints.set(name, read);
    }
  }
  return {
    types: isConstrained ? readTypes(source.type) : undefined,
    isNullable: source.nullable === true,
    references,
    values: readValues(constraints),
    constraints,
    annotations,
  };
}

function readTypes(value: unknown): TypeSet | undefined {
  const known = [value].flat().flatMap((name): TypeName[] => {
    const type = parseTypeName(name);
    return type === undefined ? [] : [type];
  });
  return known.length === 0 ? undefined : toTypeSet(known);
}

function readValues(constraints: ReadonlyMap<string, unknown>): readonly unknown[] | undefined {
  const list = constraints.get('enum') as readonly unknown[] | undefined;
  if (!constraints.has('const')) return list;
  const value = constraints.get('const');
  return list === undefined || list.some((item) => JSON.stringify(item) === JSON.stringify(value)) ? [value] : list;
}

/** What `type`, `enum` and `const` together allow; where they contradict each other, what the values say. */
export function ownTypes({ types, isNullable, values }: ReadSchema): {
  readonly types: TypeSet | undefined;
  readonly isContradictory: boolean;
} {
  const declared = types !== undefined && isNullable ? toTypeSet([...types, 'null']) : types;
  if (values === undefined) return { types: declared, isContradictory: false };
  const fitting = [...(declared ?? [])].filter((type) => values.some((value) => isOfType(value, type)));
  if (fitting.length > 0) return { types: toTypeSet(fitting), isContradictory: false };
  return { types: toTypeSet(values.map(typeOfValue)), isContradictory: declared !== undefined };
}

type Entry = readonly [string, unknown];

function readKeyword(keyword: string, value: unknown, source: JsonObject): readonly Entry[] {
  switch (keyword) {
    case 'type':
    case 'nullable':
    case '$ref':
    case '$dynamicRef':
    case '$recursiveRef':
      return [];
    case 'items':
      // A tuple up to 2019-09, where `additionalItems` tells the rest.
      return Array.isArray(value)
        ? [
            ['prefixItems', value.length === 0 ? undefined : value],
            ['items', asSchema(source.additionalItems)],
          ]
        : [['items', asSchema(value)]];
    case 'additionalItems':
      return [];
    case 'dependencies':
      return isJsonObject(value) ? readDependencies(value) : [];
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      // Draft-04's flag beside the bound.
      return [
        [
          keyword,
          value === true ? asNumber(source[keyword === 'exclusiveMinimum' ? 'minimum' : 'maximum']) : asNumber(value),
        ],
      ];
    case 'minimum':
    case 'maximum':
      return source[keyword === 'minimum' ? 'exclusiveMinimum' : 'exclusiveMaximum'] === true
        ? []
        : [[keyword, asNumber(value)]];
    case 'examples':
      return [[keyword, Array.isArray(value) ? value : [value]]];
    default:
      return readByKind(keyword, value);
  }
}

function readByKind(keyword: string, value: unknown): readonly Entry[] {
  const kind = keywordKinds.get(keyword);
  switch (kind) {
    case 'string':
      return [[keyword, typeof value === 'string' ? value : undefined]];
    case 'number':
      return [[keyword, keyword === 'multipleOf' && Number(value) <= 0 ? undefined : asNumber(value)]];
    case 'count':
      return [[keyword, Number.isInteger(value) && Number(value) >= 0 ? value : undefined]];
    case 'flag':
      return [[keyword, typeof value === 'boolean' ? value : undefined]];
    case 'literal':
      return [[keyword, value]];
    case 'literals':
    case 'schemas':
      return [[keyword, Array.isArray(value) && value.length > 0 ? value : undefined]];
    case 'names':
      return [[keyword, asNames(value)]];
    case 'namesByKey':
      return [[keyword, isJsonObject(value) ? mapNames(Object.entries(value)) : undefined]];
    case 'schema':
    case 'schemaOrFlag':
      return [[keyword, asSchema(value)]];
    case 'schemasByKey':
      return [[keyword, isJsonObject(value) ? new Map(Object.entries(value)) : undefined]];
    case 'dropped':
      return [];
    case undefined:
      return [[keyword.startsWith('x-') ? keyword : `x-${keyword}`, asExtension(value)]];
  }
}

function readDependencies(value: JsonObject): readonly Entry[] {
  const all = Object.entries(value);
  const names = mapNames(all);
  const schemas = all.filter(([, dependency]) => asSchema(dependency) !== undefined);
  return [
    ['dependentRequired', names.size === 0 ? undefined : names],
    ['dependentSchemas', schemas.length === 0 ? undefined : new Map(schemas)],
  ];
}

function mapNames(entries: readonly Entry[]): ReadonlyMap<string, readonly string[]> {
  return new Map(
    entries.flatMap(([key, value]) => {
      const names = asNames(value);
      return names === undefined ? [] : [[key, names] as const];
    }),
  );
}

function asNames(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return [...new Set(value.filter((name): name is string => typeof name === 'string'))];
}

function asSchema(value: unknown): unknown {
  return typeof value === 'boolean' || isJsonObject(value) ? value : undefined;
}

function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Nothing that a client could take for a reference. */
function asExtension(value: unknown): unknown {
  return JSON.stringify(value)?.includes('$ref"') ? undefined : value;
}
