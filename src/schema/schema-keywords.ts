/** What the value of a keyword is, which decides how it is read and written. */
export type KeywordKind =
  | 'text'
  | 'number'
  | 'count'
  | 'flag'
  | 'value'
  | 'values'
  | 'names'
  | 'names by key'
  | 'schema'
  | 'schemas'
  | 'schemas by key'
  | 'dropped';

/**
 * The keywords of all drafts of JSON Schema and of OpenAPI's Schema Object. `dropped` ones name or hold schemas that
 * references lead to. What is not here is an unknown keyword and becomes `x-<keyword>`.
 */
const KINDS: Readonly<Record<KeywordKind, string>> = {
  text: 'title description format pattern contentEncoding contentMediaType $comment',
  number: 'minimum maximum exclusiveMinimum exclusiveMaximum multipleOf',
  count: 'minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains',
  flag: 'uniqueItems deprecated readOnly writeOnly',
  value: 'default const example',
  values: 'enum examples',
  names: 'required',
  'names by key': 'dependentRequired',
  schema:
    'items additionalItems contains not if then else propertyNames contentSchema additionalProperties unevaluatedItems unevaluatedProperties',
  schemas: 'allOf anyOf oneOf prefixItems',
  'schemas by key': 'properties patternProperties dependentSchemas dependencies $defs definitions',
  dropped: '$schema $id id $anchor $dynamicAnchor $recursiveAnchor $vocabulary $ref $dynamicRef $recursiveRef nullable',
};
const kindByKeyword = new Map(
  Object.entries(KINDS).flatMap(([kind, names]) =>
    names.split(' ').map((name) => [name, kind as KeywordKind] as const),
  ),
);

/** `undefined` for an unknown keyword. */
export function kindOf(keyword: string): KeywordKind | undefined {
  return kindByKeyword.get(keyword);
}

const annotations = new Set(
  'title description default examples example deprecated readOnly writeOnly $comment'.split(' '),
);

/** Whether a keyword describes a value and does not constrain it. */
export function isAnnotation(keyword: string): boolean {
  return annotations.has(keyword) || keyword.startsWith('x-');
}

const inPlace = new Set('allOf anyOf oneOf not if then else dependentSchemas'.split(' '));

/** Whether the subschemas of a keyword apply to the value itself, and not to a value inside it. */
export function isInPlace(keyword: string): boolean {
  return inPlace.has(keyword);
}

export type TypeName = 'string' | 'number' | 'integer' | 'boolean' | 'object' | 'array' | 'null';

/** The types of JSON Schema, and what servers write for them: as a rule the names of their own language. */
const TYPE_SPELLINGS: Readonly<Record<TypeName, string>> = {
  string: 'string str text',
  number: 'number float double decimal',
  integer: 'integer int long int32 int64',
  boolean: 'boolean bool',
  object: 'object dict map',
  array: 'array list tuple',
  null: 'null none nonetype',
};
const typeBySpelling = new Map(
  Object.entries(TYPE_SPELLINGS).flatMap(([type, names]) => names.split(' ').map((name) => [name, type as TypeName])),
);

/** The types that `type` allows; `undefined` if it names none, or one that is unknown and may allow anything. */
export function toTypeNames(type: unknown): TypeName[] | undefined {
  const types = [type]
    .flat()
    .map((name) => (typeof name === 'string' ? typeBySpelling.get(name.toLowerCase()) : undefined));
  return types.length === 0 || types.includes(undefined) ? undefined : ([...new Set(types)] as TypeName[]);
}

/** Whether a JSON value is of the type, as JSON Schema defines it: `1.0` is an integer. */
export function isOfType(value: unknown, type: TypeName): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}
