import { describe, expect, test } from '@jest/globals';
import type { SchemaObject } from 'openapi3-ts/oas31';
import type { JsonSchema } from '../../../src/mcp/session.ts';
import { toPortableSchema } from '../../../src/schema/portable/portable-schema.ts';
import { compareKeywords } from '../../keyword-comparison.ts';
import { findPortabilityFaults } from '../../portability-rules.ts';
import { processorMs } from '../../processor-time.ts';
import { readCatalogues, readSchemaShapes } from '../openapi/corpus.ts';

function portable(source: JsonSchema, position: 'arguments' | 'value' = 'arguments'): SchemaObject {
  const schema = toPortableSchema(source, position);
  expect(findPortabilityFaults(schema, position)).toEqual([]);
  return schema;
}

/** The published form of one value. */
const value = (source: JsonSchema): SchemaObject => portable(source, 'value');

function shape(name: string): SchemaObject {
  const found = readSchemaShapes().find((tool) => tool.name === name);
  if (found === undefined) throw new Error(`no shape ${name}`);
  return portable(found.inputSchema);
}

const property = (name: string): unknown => shape(name).properties;

const open = { type: 'object', additionalProperties: true };
const scalars = [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }, { type: 'object' }];
const innerArray = { type: 'array', items: { anyOf: [...scalars, { type: 'null' }] } };
const array = { type: 'array', items: { anyOf: [...scalars, innerArray, { type: 'null' }] } };
const anything = { anyOf: [...scalars, array, { type: 'null' }] };

describe('the recorded catalogues', () => {
  const schemas = readCatalogues().flatMap((server) =>
    server.tools.flatMap(({ name, inputSchema, outputSchema }) => [
      [server.name, name, 'arguments', inputSchema] as const,
      ...(outputSchema === undefined ? [] : [[server.name, name, 'value', outputSchema] as const]),
    ]),
  );

  test.each(schemas)('%s: %s keeps every keyword of its %s', (_server, _tool, position, source) => {
    const { total, lost } = compareKeywords(source, portable(source, position));
    expect(lost).toEqual([]);
    expect(total).toBeGreaterThan(0);
  });

  test('the comparison would find a lost keyword', () => {
    const lostBy = (change: (text: string) => string) =>
      schemas.flatMap(([, , position, source]) => {
        const published = JSON.parse(change(JSON.stringify(portable(source, position)))) as JsonSchema;
        return compareKeywords(source, published).lost;
      }).length;
    expect(lostBy((text) => text)).toBe(0);
    expect(lostBy((text) => text.replaceAll('"enum":', '"x-enum":'))).toBeGreaterThan(100);
    expect(lostBy((text) => text.replaceAll('"minimum":1', '"minimum":2'))).toBeGreaterThan(10);
    expect(lostBy((text) => text.replaceAll('"items":{"type":"string"', '"items":{"type":"number"'))).toBeGreaterThan(
      10,
    );
  });
});

describe('the shapes that broke other bridges', () => {
  const usable = readSchemaShapes().filter(({ name }) => name !== 'external_ref');

  test.each(usable.map((tool) => [tool.name, tool] as const))('%s keeps every keyword', (_name, { inputSchema }) => {
    const { lost } = compareKeywords(inputSchema, portable(inputSchema));
    expect(lost).toEqual([]);
  });

  test('a cycle is unrolled three levels and then open', () => {
    const node = (children: unknown) => ({
      type: 'object',
      description: 'a node',
      properties: { label: { type: 'string' }, children: { type: 'array', items: children } },
      required: ['label'],
    });
    const end = { ...open, description: 'a node (nested deeper in the same way)' };
    expect(property('recursive_defs')).toEqual({ node: node(node(node(end))) });
    expect(shape('ref_root').properties?.child).toMatchObject({
      properties: { child: { properties: { child: { ...open, description: '(nested deeper in the same way)' } } } },
    });
  });

  test('references of every spelling stand in place with what is beside them', () => {
    expect(property('ref_with_siblings')).toMatchObject({
      b: { type: 'string', format: 'date-time', description: 'the second date. Format: date-time.' },
    });
    expect(property('ref_escaped')).toEqual({ x: { type: 'integer', minimum: 1, description: 'Minimum: 1.' } });
    expect(property('definitions_draft07')).toEqual({
      n: { type: 'string', enum: ['a', 'b'], description: 'One of: "a", "b".' },
    });
  });

  test('a tuple is a list of its members with its length as bounds', () => {
    expect(property('prefix_items')).toEqual({
      pair: {
        type: 'array',
        items: { anyOf: [{ type: 'string' }, { type: 'integer', minimum: 0 }] },
        minItems: 2,
        maxItems: 2,
        description: 'Items in this order: string, integer. Minimum items: 2. Maximum items: 2.',
      },
    });
    expect(property('tuple_items_draft07')).toMatchObject({
      pair: { description: 'Items in this order: string, integer, then others.' },
    });
  });

  test('anything is all types in turn', () => {
    for (const name of ['boolean_schemas', 'empty_schema'])
      expect(property(name)).toEqual({ any: anything, list: { ...array, items: anything } });
    expect(property('empty_any_of')).toEqual({ a: anything });
    expect(property('bad_type')).toEqual({ a: { type: 'integer' }, b: anything, c: anything });
  });

  test('several types and untyped values become alternatives with one type each', () => {
    expect(property('type_list')).toEqual({
      v: { anyOf: [{ type: 'string' }, { type: 'number' }] },
      n: { anyOf: [{ type: 'string', maxLength: 5 }, { type: 'null' }], description: 'Maximum length: 5.' },
    });
    expect(property('enum_const')).toEqual({
      e: {
        anyOf: [{ type: 'string', enum: ['a'] }, { type: 'integer', enum: [1] }, { type: 'null' }],
        description: 'One of: "a", 1, null.',
      },
      c: { type: 'string', const: 'fixed', description: 'Always "fixed".' },
      t: { type: 'string', enum: ['x', 'y'], default: 'x', description: 'One of: "x", "y". Default: "x".' },
    });
  });

  test('the root is one object whatever it was', () => {
    expect(shape('root_one_of')).toEqual({
      type: 'object',
      properties: { url: { type: 'string' }, path: { type: 'string' } },
      description: 'Give one of: url; or path.',
    });
    expect(shape('root_all_of')).toEqual({
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'integer' } },
      required: ['a', 'b'],
    });
    expect(shape('root_free_form')).toEqual({ ...open, properties: {} });
    expect(shape('no_properties')).toEqual({ type: 'object', properties: {} });
    for (const source of [true, false, {}, { type: 'string' }])
      expect(portable(source)).toMatchObject({ type: 'object', properties: {} });
  });

  test('a condition stays and is described in words', () => {
    expect(shape('if_then')).toMatchObject({
      if: { type: 'object', properties: { kind: { type: 'string', const: 'a' } } },
      description: 'If kind is "a", extra is required.',
    });
    expect((shape('if_then') as Record<string, unknown>).then).toEqual({ type: 'object', required: ['extra'] });
  });

  test('alternatives stay alternatives', () => {
    expect(property('discriminated_union')).toMatchObject({
      ops: {
        items: { anyOf: [{ properties: { op: { const: 'add' } } }, { properties: { op: { const: 'remove' } } }] },
      },
    });
  });

  test('a reference that leaves the schema is refused with its place', () => {
    const external = readSchemaShapes().find(({ name }) => name === 'external_ref')?.inputSchema ?? {};
    expect(() => toPortableSchema(external, 'arguments')).toThrow(
      'its schema refers to "https://example.com/schema.json", and no $ref is fetched (at #/properties/x)',
    );
    for (const $ref of [
      '//example.com/x',
      'file:///etc/passwd',
      'other.json#/a',
      'http://json-schema.org/draft-07/schema#',
    ])
      expect(() => toPortableSchema({ properties: { 'a/b': { $ref } } }, 'arguments')).toThrow('#/properties/a~1b');
  });
});

describe('references', () => {
  test('anchors, addresses within the schema, percent escapes and references to references', () => {
    const source = {
      $id: 'https://example.com/root.json',
      properties: {
        a: { $ref: '#here' },
        b: { $ref: 'inner.json' },
        c: { $ref: 'inner.json#/$defs/deep' },
        d: { $ref: '#/$defs/with%20space' },
        e: { $ref: '#/properties/d' },
        f: { $ref: 'https://example.com/root.json#/$defs/anchored' },
      },
      $defs: {
        anchored: { $anchor: 'here', type: 'integer' },
        inner: {
          $id: 'inner.json',
          type: 'string',
          $defs: { deep: { type: 'boolean' }, own: { $ref: '#/$defs/deep' } },
        },
        'with space': { type: 'null' },
      },
    };
    expect(portable(source).properties).toEqual({
      a: { type: 'integer' },
      b: { type: 'string' },
      c: { type: 'boolean' },
      d: { type: 'null' },
      e: { type: 'null' },
      f: { type: 'integer' },
    });
  });

  test('a dynamic reference finds the outermost anchor', () => {
    const tree = {
      $id: 'tree',
      $dynamicAnchor: 'node',
      type: 'object',
      properties: { children: { type: 'array', items: { $dynamicRef: '#node' } } },
    };
    const strict = {
      $id: 'strict',
      $dynamicAnchor: 'node',
      $ref: 'tree',
      required: ['name'],
      $defs: { tree },
    };
    expect(portable(strict)).toMatchObject({
      required: ['name'],
      properties: { children: { items: { type: 'object', required: ['name'] } } },
    });
  });

  test('one to nothing or only to itself is refused with its place', () => {
    const toNothing = { properties: { a: { $ref: '#/$defs/none', title: 'A' } } };
    expect(() => portable(toNothing)).toThrow('refers to "#/$defs/none", which is not in it (at #/properties/a)');
    expect(() => portable({ properties: { c: { $ref: '#%' } } })).toThrow('refers to "#%", which is not in it');
    const toItself = { properties: { b: { $ref: '#/$defs/loop' } }, $defs: { loop: { $ref: '#/$defs/loop' } } };
    expect(() => portable(toItself)).toThrow('refers to itself without an end (at #/$defs/loop)');
  });

  test('draft-07 ignores what constrains beside $ref, and keeps annotations', () => {
    const source = { $ref: '#/definitions/a', maxLength: 1, title: 'T', definitions: { a: { type: 'string' } } };
    expect(value({ ...source, $schema: 'http://json-schema.org/draft-07/schema#' })).toEqual({
      type: 'string',
      title: 'T',
    });
    expect(value(source)).toMatchObject({ type: 'string', title: 'T', maxLength: 1 });
  });
});

describe('keywords', () => {
  test('what is said together is merged, and what cannot be stays beside it', () => {
    expect(
      value({ allOf: [{ type: 'string', minLength: 1 }, { minLength: 3, pattern: 'a' }, { pattern: 'b' }] }),
    ).toEqual({
      type: 'string',
      minLength: 3,
      pattern: 'a',
      allOf: [{ type: 'string', pattern: 'b' }],
    });
    expect(
      value({
        allOf: [
          { properties: { a: { type: 'string' } }, type: 'object' },
          { properties: { a: { minLength: 1 }, b: { type: 'null' } } },
        ],
      }),
    ).toEqual({
      type: 'object',
      properties: { a: expect.objectContaining({ type: 'string', minLength: 1 }), b: { type: 'null' } },
    });
  });

  test('an untyped schema is what it is about first, and then everything else', () => {
    expect(value({ properties: { a: { type: 'string' } } }).anyOf).toContainEqual({
      type: 'object',
      properties: { a: { type: 'string' } },
    });
    expect(value({ properties: {} }).anyOf).toHaveLength(6);
  });

  test('conditions that would allow less than they do are described instead', () => {
    const exact = { type: 'object', not: { required: ['a', 'b'] } };
    expect(value(exact)).toMatchObject({
      not: { type: 'object', required: ['a', 'b'] },
      description: 'Not together: a and b.',
    });
    const one = { oneOf: [{ minLength: 1 }, { maxLength: 3 }] };
    expect(value({ type: 'string', not: one })).toEqual({
      type: 'string',
      description: 'Some values are not allowed; they cannot be described here.',
    });
    const condition = JSON.parse('{"type":"string","then":{"maxLength":9}}') as object;
    expect(value({ ...condition, if: one })).not.toHaveProperty('then');
  });

  test('nullable, draft-04 bounds, dependencies and unknown type names', () => {
    expect(value({ type: 'string', nullable: true })).toEqual({ anyOf: [{ type: 'string' }, { type: 'null' }] });
    expect(value({ type: 'number', minimum: 1, exclusiveMinimum: true })).toEqual({
      type: 'number',
      exclusiveMinimum: 1,
    });
    expect(value({ type: 'object', dependencies: { a: ['b'] } })).toEqual({
      type: 'object',
      dependentRequired: { a: ['b'] },
      description: 'With a, b is required.',
    });
    expect(value({ type: ['float', 'double'] })).toEqual({ type: 'number' });
    // It may allow anything, and so the check takes anything.
    expect(value({ type: ['float', 'widget'] })).toEqual(anything);
  });

  test('a property called __proto__ is a property', () => {
    const source = JSON.parse('{"properties":{"__proto__":{"type":"string"}},"required":["__proto__"]}') as JsonSchema;
    expect(JSON.stringify(portable(source))).toBe(
      '{"type":"object","required":["__proto__"],"properties":{"__proto__":{"type":"string"}}}',
    );
  });
});

describe('what the description says', () => {
  const descriptionOf = (source: JsonSchema) => portable({ properties: { p: source } }).properties?.p?.description;

  test('is added once, and not what the text has already', () => {
    expect(descriptionOf({ type: 'string', enum: ['a', 'b'], description: 'Either a or b' })).toBe('Either a or b');
    expect(descriptionOf({ type: 'string', enum: ['a', 'bc'], description: 'Either a or b' })).toBe(
      'Either a or b. One of: "a", "bc".',
    );
    expect(descriptionOf({ type: 'integer', default: 5, description: 'Size (default 5).' })).toBe('Size (default 5).');
    expect(descriptionOf({ type: 'integer', default: 5, description: 'Size (default 50).' })).toBe(
      'Size (default 50). Default: 5.',
    );
    expect(descriptionOf({ type: 'integer', minimum: 1, maximum: 9, description: 'From 1 up to 9' })).toBe(
      'From 1 up to 9',
    );
  });

  test('is bounded', () => {
    const values = Array.from({ length: 52 }, (_, index) => `v${index}`);
    expect(descriptionOf({ enum: values })).toMatch(/"v39" and 12 more\.$/);
    expect(descriptionOf({ enum: ['x'.repeat(10_000), 'y'] })?.length).toBeLessThan(1_000);
  });

  test('looks through null and into lists', () => {
    expect(descriptionOf({ anyOf: [{ enum: ['a'] }, { type: 'null' }] })).toBe('One of: "a", null.');
    expect(descriptionOf({ type: 'array', items: { enum: ['a', 'b'] } })).toBe('Items: one of "a", "b".');
  });
});

describe('bounds', () => {
  const nested = (levels: number): JsonSchema => {
    let schema: JsonSchema = { type: 'string' };
    for (let level = 1; level < levels; level++) schema = { type: 'array', items: schema };
    return schema;
  };
  const names = Array.from({ length: 1_500 }, (_, index) => `d${index}`);
  const defs = (of: (index: number) => unknown) => Object.fromEntries(names.map((name, index) => [name, of(index)]));
  const property = (index: number) => ({ $ref: `#/$defs/d${index % names.length}` });
  const doubling = (keyword: string) => ({
    properties: { p: property(0) },
    $defs: defs((index) => (index === 40 ? {} : { [keyword]: [property(index + 1), property(index + 1)] })),
  });

  test('100 levels are published, 101 and 100,000 are refused', () => {
    portable(nested(100), 'value');
    for (const levels of [101, 100_000])
      expect(() => toPortableSchema(nested(levels), 'value')).toThrow(
        /^its schema is more than 100 levels deep \(at #\/items\/items/,
      );
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(() => toPortableSchema({ default: deep }, 'value')).toThrow('levels deep');
    expect(() => toPortableSchema({ unknown: deep }, 'value')).toThrow('levels deep');
  });

  test.each<readonly [string, JsonSchema]>([
    ['a nested chain', { properties: { p: property(0) }, $defs: defs((index) => ({ items: property(index + 1) })) }],
    [
      'doubling',
      {
        properties: { p: property(0) },
        $defs: defs((index) => ({ type: 'object', properties: { a: property(index + 1), b: property(index + 1) } })),
      },
    ],
    ['doubling in place', doubling('allOf')],
    ['doubling alternatives', doubling('anyOf')],
    [
      'all that refer to all',
      {
        properties: { p: property(0) },
        $defs: defs((index) => ({
          type: 'object',
          properties: Object.fromEntries([1, 7, 77, 777].map((step) => [`p${step}`, property(index * 3 + step)])),
        })),
      },
    ],
    ['thousands of members', { allOf: names.map((name) => ({ properties: { [name]: { type: 'string' } } })) }],
    [
      'thousands of alternatives',
      { anyOf: names.map((name) => ({ properties: { [name]: { type: 'string' } }, required: [name] })) },
    ],
  ])('%s takes little time', (_name, source) => {
    const before = processorMs();
    const schema = portable(source);
    expect(processorMs() - before).toBeLessThan(5_000);
    expect(JSON.stringify(schema).length).toBeLessThan(4_000_000);
  });

  test('references that go on without entering a value are refused', () => {
    const chain = { $ref: '#/$defs/d0', $defs: defs((index) => property(index + 1)) };
    expect(() => portable(chain)).toThrow('more than 100 references and alternatives inside each other');
    const tree = { ...property(0), $defs: defs((index) => ({ anyOf: [property(index + 1), property(index + 1)] })) };
    expect(() => portable(tree)).toThrow('more than 100 references and alternatives inside each other');
  });
});

test('unevaluatedProperties of the root counts no longer where a merged part has a word on every property', () => {
  const source = { unevaluatedProperties: { type: 'string' }, anyOf: [{ unevaluatedProperties: {} }] };
  expect(toPortableSchema(source, 'arguments')).toMatchObject({ unevaluatedProperties: true });
});
