import { isJsonObject, type JsonObject } from './json-object.ts';
import { isPattern } from './pattern.ts';

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];

/** What servers write for the types of JSON Schema, as a rule the names of their own language. */
const TYPE_SPELLINGS: Readonly<Record<string, string>> = {
  str: 'string',
  text: 'string',
  int: 'integer',
  long: 'integer',
  int32: 'integer',
  int64: 'integer',
  float: 'number',
  double: 'number',
  decimal: 'number',
  bool: 'boolean',
  dict: 'object',
  map: 'object',
  list: 'array',
  tuple: 'array',
  none: 'null',
  nonetype: 'null',
};

/** The keywords of a schema that say something about a value without subschemas; what is malformed is left out. */
export function soundKeywords(schema: JsonObject): Record<string, unknown> {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, pattern, format, uniqueItems } = schema;
  const lower = toBounds(minimum, exclusiveMinimum);
  const upper = toBounds(maximum, exclusiveMaximum);
  return withoutAbsent({
    ...toValueKeywords(schema),
    minimum: lower.inclusive,
    exclusiveMinimum: lower.exclusive,
    maximum: upper.inclusive,
    exclusiveMaximum: upper.exclusive,
    multipleOf: isNumber(multipleOf) && multipleOf > 0 ? multipleOf : undefined,
    pattern: typeof pattern === 'string' && isPattern(pattern) ? pattern : undefined,
    format: typeof format === 'string' ? format : undefined,
    uniqueItems: uniqueItems === true ? true : undefined,
    required: toNames(schema.required),
    dependentRequired: toDependentNames(schema.dependentRequired),
    ...Object.fromEntries(
      ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'].map((keyword) => [
        keyword,
        toCount(schema[keyword]),
      ]),
    ),
  });
}

/** A type as JSON Schema has it; a list that names only unknown ones, like an unknown name, says nothing. */
export function toTypes(type: unknown): string[] | undefined {
  const names = [type].flat();
  const types = names.map((name) => {
    if (typeof name !== 'string') return undefined;
    if (TYPES.includes(name)) return name;
    const spelling = name.toLowerCase();
    if (TYPES.includes(spelling)) return spelling;
    return Object.hasOwn(TYPE_SPELLINGS, spelling) ? TYPE_SPELLINGS[spelling] : undefined;
  });
  // One that is not understood may allow anything.
  if (types.length === 0 || types.includes(undefined)) return undefined;
  return [...new Set(types)] as string[];
}

/** A count of items, characters or properties. */
export function toCount(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

/** The names of `required`, each once; `undefined` when there are none. */
export function toNames(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const names = new Set(value.filter((name) => typeof name === 'string'));
  return names.size === 0 ? undefined : [...names];
}

/** OpenAPI 3.0's `nullable` adds null to the type, and to the enum, where it would else have no effect. */
function toValueKeywords(schema: JsonObject): Record<string, unknown> {
  const types = toTypes(schema.type);
  const isNullable = schema.nullable === true && types !== undefined;
  const type = isNullable ? [...new Set([...types, 'null'])] : types;
  const values = Array.isArray(schema.enum) && schema.enum.length > 0 ? schema.enum : undefined;
  return {
    type: type?.length === 1 ? type[0] : type,
    enum: isNullable && values !== undefined ? [...values, null] : values,
    ...(Object.hasOwn(schema, 'const') ? { const: schema.const } : {}),
  };
}

/** Draft-04 has the exclusive bounds as booleans beside the others. */
function toBounds(bound: unknown, exclusive: unknown): { inclusive?: number; exclusive?: number } {
  if (exclusive === true) return isNumber(bound) ? { exclusive: bound } : {};
  return {
    ...(isNumber(bound) ? { inclusive: bound } : {}),
    ...(isNumber(exclusive) ? { exclusive } : {}),
  };
}

function toDependentNames(value: unknown): Record<string, string[]> | undefined {
  if (!isJsonObject(value)) return undefined;
  const entries = Object.entries(value).flatMap(([key, names]) => {
    const sound = toNames(names);
    return sound === undefined ? [] : ([[key, sound]] as const);
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function withoutAbsent(keywords: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(keywords).filter(([, value]) => value !== undefined));
}
