import { isSchema, type JsonObject } from './json-object.ts';

/** Whether a subschema judges the value itself, a value inside it, or nothing until something refers to it. */
export type SubschemaRole = 'same value' | 'inside' | 'definition';

export interface Subschema {
  readonly keyword: string;
  readonly key: string | undefined;
  readonly role: SubschemaRole;
  readonly schema: JsonObject | boolean;
}

const SHAPES: Readonly<Record<string, readonly [shape: 'one' | 'list' | 'map' | 'one or list', role: SubschemaRole]>> =
  {
    properties: ['map', 'inside'],
    patternProperties: ['map', 'inside'],
    additionalProperties: ['one', 'inside'],
    unevaluatedProperties: ['one', 'inside'],
    propertyNames: ['one', 'inside'],
    items: ['one or list', 'inside'],
    prefixItems: ['list', 'inside'],
    additionalItems: ['one', 'inside'],
    unevaluatedItems: ['one', 'inside'],
    contains: ['one', 'inside'],
    allOf: ['list', 'same value'],
    anyOf: ['list', 'same value'],
    oneOf: ['list', 'same value'],
    not: ['one', 'same value'],
    if: ['one', 'same value'],
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: ['one', 'same value'],
    else: ['one', 'same value'],
    dependentSchemas: ['map', 'same value'],
    dependencies: ['map', 'same value'],
    $defs: ['map', 'definition'],
    definitions: ['map', 'definition'],
  };

/** The subschemas of one schema, of all drafts' keywords; what is no schema where one should be is left out. */
export function subschemasOf(schema: JsonObject): Subschema[] {
  const found: Subschema[] = [];
  for (const keyword of Object.keys(schema)) {
    const [shape, role] = (Object.hasOwn(SHAPES, keyword) ? SHAPES[keyword] : undefined) ?? [];
    if (shape === undefined || role === undefined) continue;
    const value = schema[keyword];
    const isMany = shape === 'map' || Array.isArray(value);
    if (!isMany) {
      if (isSchema(value)) found.push({ keyword, key: undefined, role, schema: value });
    } else if (typeof value === 'object' && value !== null && Array.isArray(value) === (shape !== 'map')) {
      for (const [key, child] of Object.entries(value)) {
        if (isSchema(child)) found.push({ keyword, key, role, schema: child });
      }
    }
  }
  return found;
}
