import { describe, expect, test } from '@jest/globals';
import { normalizeSchema, schemaRefusal } from '../../../src/schema/normalize-schema.ts';
import { type Schema, type SchemaNode, subschemasOf, writeKeyword } from '../../../src/schema/schema.ts';

const node = (schema: Schema): SchemaNode => {
  if (typeof schema === 'boolean') throw new Error('This is a boolean.');
  return schema;
};

/** What a schema without references became, as JSON. */
function normalized(source: Record<string, unknown>): unknown {
  const toJson = (schema: Schema): unknown =>
    typeof schema === 'boolean'
      ? schema
      : Object.fromEntries([...schema.keywords].map(([name, value]) => [name, writeKeyword(name, value, toJson)]));
  return toJson(normalizeSchema(source));
}

describe('a schema of any draft becomes 2020-12', () => {
  const pair = [{ type: 'string' }, { type: 'int' }];
  const draft7 = { $schema: 'http://json-schema.org/draft-07/schema#' };
  const rows: [name: string, source: Record<string, unknown>, becomes: unknown][] = [
    ['draft-04 bounds', { minimum: 1, exclusiveMinimum: true, maximum: 2 }, { exclusiveMinimum: 1, maximum: 2 }],
    ['a tuple', { items: pair }, { prefixItems: [{ type: 'string' }, { type: 'integer' }] }],
    ['a closed tuple', { items: [true], additionalItems: false }, { prefixItems: [true], items: false }],
    [
      'dependencies',
      { dependencies: { a: ['b'], c: { required: ['d'] } }, dependentRequired: { e: ['f'] } },
      { dependentRequired: { a: ['b'], e: ['f'] }, dependentSchemas: { c: { required: ['d'] } } },
    ],
    ['nullable', { type: 'string', nullable: true, enum: ['a'] }, { type: ['string', 'null'], enum: ['a', null] }],
    ['what draft-07 does not know', { ...draft7, minContains: 2 }, { 'x-minContains': 2 }],
    ['an unknown keyword', { enumNames: ['A'], 'x-own': 1 }, { 'x-enumNames': ['A'], 'x-own': 1 }],
    ['what looks like a reference', { own: { $ref: '#' }, type: ['int', 'null'] }, { type: ['integer', 'null'] }],
    ['malformed keywords', { minimum: '1', required: null, anyOf: [null], items: 'string', enum: [] }, {}],
    ['definitions', { $defs: { a: { $ref: '#/nowhere' } }, definitions: {}, $id: 'x', title: 'T' }, { title: 'T' }],
  ];
  test.each(rows)('%s', (_name, source, becomes) => {
    expect(normalized(source)).toEqual(becomes);
  });
});

describe('references', () => {
  test('lead to the schema itself, with its place in the source', () => {
    const source = { properties: { a: { $ref: '#here' }, n: { $ref: '#' } }, $defs: { x: { $anchor: 'here' } } };
    const root = node(normalizeSchema(source));
    const [a, n] = subschemasOf(root).map(({ schema }) => node(schema));
    expect(a?.references.map(({ pointer }) => pointer)).toEqual(['/$defs/x']);
    expect(n?.references).toEqual([root]);
  });

  test('hide what constrains beside them up to draft-07', () => {
    const source = { $ref: '#/definitions/a', maxLength: 1, title: 'T', definitions: { a: {} } };
    const keywords = (dialect: object) => [...node(normalizeSchema({ ...source, ...dialect })).keywords.keys()];
    expect(keywords({ $schema: 'http://json-schema.org/draft-07/schema#' })).toEqual(['title']);
    expect(keywords({})).toEqual(['maxLength', 'title']);
  });
});

test('a source is read once, and a boolean is one already', () => {
  const source = { type: 'object' };
  expect(normalizeSchema(source)).toBe(normalizeSchema(source));
  expect([normalizeSchema(true), normalizeSchema(false)]).toEqual([true, false]);
  expect(schemaRefusal(source)).toBeUndefined();
});
