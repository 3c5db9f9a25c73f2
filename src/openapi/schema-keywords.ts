/** What a keyword's value is, which decides how it is carried over. */
export type KeywordKind =
  | 'string'
  | 'number'
  | 'count'
  | 'flag'
  | 'literal'
  | 'literals'
  | 'names'
  | 'namesByKey'
  | 'schema'
  | 'schemaOrFlag'
  | 'schemas'
  | 'schemasByKey'
  | 'dropped';

/**
 * The keywords of JSON Schema 2020-12 and OpenAPI 3.1's Schema Object that are carried over by kind alone.
 * `dropped` ones only name or place schemas, which references do after the rewriting. What is not here and is not
 * handled by hand is no keyword and goes on as `x-<keyword>`.
 */
export const keywordKinds: ReadonlyMap<string, KeywordKind> = new Map(
  Object.entries({
    string: ['title', 'description', 'format', 'pattern', 'contentEncoding', 'contentMediaType', '$comment'],
    number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
    count: [
      'minLength',
      'maxLength',
      'minItems',
      'maxItems',
      'minProperties',
      'maxProperties',
      'minContains',
      'maxContains',
    ],
    flag: ['uniqueItems', 'deprecated', 'readOnly', 'writeOnly'],
    literal: ['default', 'const', 'example'],
    literals: ['enum', 'examples'],
    names: ['required'],
    namesByKey: ['dependentRequired'],
    schema: ['items', 'contains', 'not', 'if', 'then', 'else', 'propertyNames', 'contentSchema'],
    schemaOrFlag: ['additionalProperties', 'unevaluatedItems', 'unevaluatedProperties'],
    schemas: ['allOf', 'anyOf', 'oneOf', 'prefixItems'],
    schemasByKey: ['properties', 'patternProperties', 'dependentSchemas'],
    dropped: [
      '$schema',
      '$id',
      'id',
      '$anchor',
      '$dynamicAnchor',
      '$recursiveAnchor',
      '$vocabulary',
      '$defs',
      'definitions',
    ],
  } satisfies Record<KeywordKind, readonly string[]>).flatMap(([kind, names]) =>
    names.map((name) => [name, kind as KeywordKind] as const),
  ),
);

export type TypeName = 'string' | 'number' | 'integer' | 'boolean' | 'object' | 'array' | 'null';

const typeNames: ReadonlyMap<string, TypeName> = new Map<string, TypeName>([
  ['string', 'string'],
  ['number', 'number'],
  ['integer', 'integer'],
  ['boolean', 'boolean'],
  ['object', 'object'],
  ['array', 'array'],
  ['null', 'null'],
  ['str', 'string'],
  ['text', 'string'],
  ['int', 'integer'],
  ['long', 'integer'],
  ['float', 'number'],
  ['double', 'number'],
  ['bool', 'boolean'],
  ['dict', 'object'],
  ['list', 'array'],
  ['none', 'null'],
]);

/** The JSON type that a server meant (`int` is one that some send); `undefined` for what is no type. */
export function parseTypeName(name: unknown): TypeName | undefined {
  return typeof name === 'string' ? typeNames.get(name.toLowerCase()) : undefined;
}

/** Whether a JSON value is of the type, as JSON Schema sees it: `1.0` is an integer. */
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
    case 'number':
    case 'string':
    case 'boolean':
      return typeof value === type;
  }
}
