import { isOfType, type TypeName } from '../schema-keywords.ts';

/** The JSON types that a value may have. `number` contains `integer`, so a set never holds both. */
export type TypeSet = ReadonlySet<TypeName>;

export const everyType: TypeSet = new Set<TypeName>(['string', 'number', 'boolean', 'object', 'array', 'null']);

/** A set without `integer` where `number` is there. */
export function toTypeSet(types: Iterable<TypeName>): TypeSet {
  const set = new Set(types);
  if (set.has('number')) set.delete('integer');
  return set;
}

/** The types that both allow; in the order of `own`. */
export function intersectTypes(own: TypeSet, other: TypeSet): TypeSet {
  const both = new Set<TypeName>();
  for (const type of own) {
    if (other.has(type) || (type === 'integer' && other.has('number'))) both.add(type);
    else if (type === 'number' && other.has('integer')) both.add('integer');
  }
  return both;
}

/** The narrowest type of a JSON value: `1.0` is an integer. */
export function typeOfValue(value: unknown): TypeName {
  const narrowestFirst: readonly TypeName[] = ['null', 'array', 'object', 'integer', 'number', 'string', 'boolean'];
  return narrowestFirst.find((type) => isOfType(value, type)) ?? 'null';
}
