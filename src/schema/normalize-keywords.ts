import { isJsonObject, type JsonObject } from './json-object.ts';
import { kindOf, toTypeNames } from './schema-keywords.ts';

export type KeywordEntry = readonly [keyword: string, value: unknown];

/** Reads one keyword without subschemas as 2020-12 has it; the value is `undefined` for what is malformed. */
export function normalizeKeyword(keyword: string, value: unknown, source: JsonObject): KeywordEntry {
  switch (keyword) {
    case 'type':
      return [keyword, toType(value, source)];
    case 'enum':
      return [keyword, toEnum(value, source)];
    case 'multipleOf':
      return [keyword, Number(value) > 0 ? toNumber(value) : undefined];
    // Draft-04 has exclusive bounds as flags beside the others.
    case 'minimum':
      return [keyword, source.exclusiveMinimum === true ? undefined : toNumber(value)];
    case 'maximum':
      return [keyword, source.exclusiveMaximum === true ? undefined : toNumber(value)];
    case 'exclusiveMinimum':
      return [keyword, toNumber(value === true ? source.minimum : value)];
    case 'exclusiveMaximum':
      return [keyword, toNumber(value === true ? source.maximum : value)];
    default:
      return kindOf(keyword) === undefined ? toExtension(keyword, value) : [keyword, toValue(keyword, value)];
  }
}

/** An unknown keyword, without what a client could take for a reference. */
export function toExtension(keyword: string, value: unknown): KeywordEntry {
  const isSafe = JSON.stringify(value)?.includes('$ref"') === false;
  return [keyword.startsWith('x-') ? keyword : `x-${keyword}`, isSafe ? value : undefined];
}

/** The names of a keyword that has some for each property. */
export function toNamesByKey(value: unknown): ReadonlyMap<string, readonly string[]> | undefined {
  if (!isJsonObject(value)) return undefined;
  const entries = Object.entries(value).map(([key, names]) => [key, toNames(names)] as const);
  return new Map(entries.filter((entry): entry is [string, string[]] => entry[1] !== undefined));
}

function toValue(keyword: string, value: unknown): unknown {
  switch (kindOf(keyword)) {
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'count':
      return Number.isSafeInteger(value) && Number(value) >= 0 ? value : undefined;
    case 'flag':
      return typeof value === 'boolean' ? value : undefined;
    case 'value':
      return value;
    case 'values':
      return [value].flat();
    case 'names':
      return toNames(value);
    case 'names by key':
      return toNamesByKey(value);
    default:
      return undefined;
  }
}

/** OpenAPI 3.0's `nullable` adds null to the type, and to the enum, where it would otherwise have no effect. */
function isNullable({ type, nullable }: JsonObject): boolean {
  return nullable === true && toTypeNames(type) !== undefined;
}

function toType(value: unknown, source: JsonObject): unknown {
  const names = new Set(toTypeNames(value));
  if (isNullable(source)) names.add('null');
  if (names.size === 0) return undefined;
  return names.size === 1 && !Array.isArray(value) ? [...names][0] : [...names];
}

function toEnum(value: unknown, source: JsonObject): readonly unknown[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return isNullable(source) && !value.includes(null) ? [...value, null] : value;
}

function toNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function toNames(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return [...new Set(value.filter((name): name is string => typeof name === 'string'))];
}
