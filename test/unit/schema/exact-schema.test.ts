import { describe, expect, test } from '@jest/globals';
import type { SchemaObject } from 'openapi3-ts/oas31';
import type { JsonSchema } from '../../../src/mcp/session.ts';
import { toExactSchema } from '../../../src/schema/exact-schema.ts';
import { readCatalogues, readSchemaShapes } from '../openapi/corpus.ts';

interface Published {
  readonly schema: SchemaObject;
  readonly components: Readonly<Record<string, SchemaObject>>;
}

function publish(source: JsonSchema): Published {
  const { schema, components } = toExactSchema(source, 't');
  return { schema, components: Object.fromEntries(components) };
}

function shape(name: string): Published {
  const found = readSchemaShapes().find((tool) => tool.name === name);
  if (found === undefined) throw new Error(`no shape ${name}`);
  return publish(found.inputSchema);
}

const property = (name: string): unknown => shape(name).schema.properties;

describe('the recorded catalogues', () => {
  const tools = readCatalogues().flatMap((server) => server.tools.map((tool) => ({ server: server.name, tool })));

  test.each(tools.map(({ server, tool }) => [server, tool.name, tool] as const))(
    '%s: %s keeps every keyword of its schemas in its place',
    (_server, _name, tool) => {
      for (const source of [tool.inputSchema, tool.outputSchema]) {
        if (source === undefined) continue;
        const { schema, components } = publish(source);
        expect(differences(source, schema, source, components, '#', 0)).toEqual([]);
        if (!JSON.stringify(source).includes('"$ref"')) expect(components).toEqual({});
      }
    },
  );
});

describe('references', () => {
  test('a recursive definition becomes one named entry that refers to itself', () => {
    const { schema, components } = shape('recursive_defs');
    const reference = { $ref: '#/components/schemas/t.Node' };
    expect(schema).toEqual({ type: 'object', properties: { node: reference } });
    expect(components['t.Node']?.properties?.children).toEqual({ type: 'array', items: reference });
  });

  test('siblings stay beside $ref', () => {
    const { schema, components } = shape('ref_with_siblings');
    expect(schema.properties?.b).toEqual({
      $ref: '#/components/schemas/t.properties.a',
      description: 'the second date',
    });
    expect(components).toEqual({ 't.properties.a': { type: 'string', format: 'date-time' } });
  });

  test('the root, escapes, anchors and draft-07 definitions are found', () => {
    expect(shape('ref_root').components['t.root']?.properties?.name).toEqual({ type: 'string' });
    expect(shape('ref_escaped').components).toEqual({ 't.a_b': { type: 'integer', minimum: 1 } });
    expect(shape('definitions_draft07').components).toEqual({ 't.N': { type: 'string', enum: ['a', 'b'] } });
    const anchored = publish({ properties: { a: { $ref: '#here' } }, $defs: { x: { $anchor: 'here', minimum: 1 } } });
    expect(anchored.components).toEqual({ 't.x': { minimum: 1 } });
  });

  test('two definitions whose names look alike stay two', () => {
    const { schema, components } = publish({
      properties: { a: { $ref: '#/$defs/a~1b' }, b: { $ref: '#/$defs/a b' } },
      $defs: { 'a/b': { minimum: 1 }, 'a b': { minimum: 2 } },
    });
    const at = (name: string) => components[String(schema.properties?.[name]?.$ref).split('/').at(-1) ?? ''];
    expect(at('a')).toEqual({ minimum: 1 });
    expect(at('b')).toEqual({ minimum: 2 });
  });

  test('a reference to an address within the schema is found', () => {
    const { schema, components } = publish({
      $id: 'https://example.com/root.json',
      properties: { a: { $ref: 'inner.json' }, b: { $ref: 'inner.json#/$defs/deep' } },
      $defs: { inner: { $id: 'inner.json', type: 'string', $defs: { deep: { minimum: 1 } } } },
    });
    expect(schema.properties).toEqual({
      a: { $ref: '#/components/schemas/t.inner' },
      b: { $ref: '#/components/schemas/t.inner._defs.deep' },
    });
    expect(components).toEqual({ 't.inner': { type: 'string' }, 't.inner._defs.deep': { minimum: 1 } });
  });

  test('one to nothing or only to itself is refused with its place', () => {
    const toNothing = { properties: { a: { $ref: '#/$defs/none', title: 'A' } } };
    expect(() => publish(toNothing)).toThrow('refers to "#/$defs/none", which is not in it (at #/properties/a)');
    const toItself = { properties: { b: { $ref: '#/$defs/loop' } }, $defs: { loop: { $ref: '#/$defs/loop' } } };
    expect(() => publish(toItself)).toThrow('refers to itself without an end (at #/$defs/loop)');
  });

  test("a discriminator's mapping points to the new entries", () => {
    const { schema, components } = publish({
      oneOf: [{ $ref: '#/$defs/Cat' }],
      discriminator: { propertyName: 'kind', mapping: { cat: '#/$defs/Cat', dog: '#/$defs/Dog' } },
      $defs: { Cat: { type: 'object' } },
    });
    expect(schema.discriminator).toEqual({ propertyName: 'kind', mapping: { cat: '#/components/schemas/t.Cat' } });
    expect(Object.keys(components)).toEqual(['t.Cat']);
  });

  test('one that leaves the schema refuses the tool and says where to', () => {
    for (const $ref of ['https://example.com/schema.json', '//example.com/x', 'file:///etc/passwd']) {
      const reason = `its schema refers to "${$ref}", and no $ref is fetched (at #/properties/x)`;
      expect(() => toExactSchema({ properties: { x: { $ref } } }, 't')).toThrow(reason);
    }
    const other = { properties: { x: { $ref: 'other.json#/a' } } };
    expect(() => toExactSchema(other, 't')).toThrow('refers to "other.json#/a", which is not in it');
    const elsewhere = { ...other, $id: 'https://example.com/' };
    expect(() => toExactSchema(elsewhere, 't')).toThrow('refers to "other.json#/a", and no $ref is fetched');
  });

  test('a chain of thousands of definitions does not exhaust the stack', () => {
    const names = Array.from({ length: 6_000 }, (_, index) => `d${index}`);
    const $defs = Object.fromEntries(names.map((name, index) => [name, { items: { $ref: `#/$defs/d${index + 1}` } }]));
    const source = { $ref: '#/$defs/d0', $defs: { ...$defs, d6000: {} } };
    expect(Object.keys(publish(source).components)).toHaveLength(6_001);
  });
});

describe('what is no JSON Schema 2020-12', () => {
  test('boolean schemas', () => {
    expect(property('boolean_schemas')).toEqual({ any: {}, list: { type: 'array', items: {} } });
    expect(publish({ anyOf: [false, true] }).schema).toEqual({ anyOf: [{ not: {} }, {}] });
    expect(property('additional_properties')).toMatchObject({ open: { additionalProperties: true } });
  });

  test('tuples', () => {
    const members = [{ type: 'string' }, { type: 'integer' }];
    expect(property('tuple_items_draft07')).toEqual({ pair: { type: 'array', prefixItems: members } });
    expect(publish({ type: 'array', items: [true], additionalItems: { type: 'string' } }).schema).toEqual({
      type: 'array',
      prefixItems: [{}],
      items: { type: 'string' },
    });
  });

  test('broken parts are left out one by one', () => {
    expect(shape('required_null').schema).not.toHaveProperty('required');
    expect(property('bad_type')).toEqual({ a: { type: 'integer' }, b: {}, c: {} });
    expect(property('empty_any_of')).toEqual({ a: {} });
    expect(publish({ minimum: '1', minLength: -1, pattern: 5, enum: [], not: null, properties: null }).schema).toEqual(
      {},
    );
    expect(publish({ properties: { a: null, b: 1, c: ['x'] } }).schema).toEqual({
      properties: { a: {}, b: {}, c: {} },
    });
  });

  test('older spellings', () => {
    expect(publish({ minimum: 1, exclusiveMinimum: true }).schema).toEqual({ exclusiveMinimum: 1 });
    expect(publish({ maximum: 1, exclusiveMaximum: false }).schema).toEqual({ maximum: 1 });
    expect(publish({ type: 'string', nullable: true }).schema).toEqual({ type: ['string', 'null'] });
    expect(publish({ dependencies: { a: ['b'], c: { required: ['d'] } } }).schema).toEqual({
      dependentRequired: { a: ['b'] },
      dependentSchemas: { c: { required: ['d'] } },
    });
  });

  test('an unknown keyword goes on as an extension', () => {
    expect(publish({ enumNames: ['A'], 'x-own': 1 }).schema).toEqual({ 'x-enumNames': ['A'], 'x-own': 1 });
  });

  test('enum values of another type can never hold; where none is left the enum counts', () => {
    expect(publish({ type: 'string', enum: ['a', 1] }).schema).toEqual({ type: 'string', enum: ['a'] });
    expect(publish({ type: 'integer', enum: ['a'] }).schema).toEqual({ enum: ['a'] });
  });
});

describe('bounds', () => {
  const nested = (levels: number): JsonSchema => {
    let schema: JsonSchema = { type: 'string' };
    for (let level = 1; level < levels; level++) schema = { type: 'array', items: schema };
    return schema;
  };

  test('100 levels are published, 101 and 100,000 are refused', () => {
    expect(toExactSchema(nested(100), 't').components.size).toBe(0);
    for (const levels of [101, 100_000]) {
      expect(() => toExactSchema(nested(levels), 't')).toThrow('its schema is more than 100 levels deep');
    }
  });

  test('so is a default of such depth', () => {
    let value: unknown = 1;
    for (let level = 0; level < 100_000; level++) value = [value];
    expect(() => toExactSchema({ default: value }, 't')).toThrow('levels deep');
  });

  test('a property called __proto__ is a property', () => {
    const source = JSON.parse('{"properties":{"__proto__":{"type":"string"}},"__proto__":{"x":1}}') as JsonSchema;
    expect(JSON.stringify(publish(source).schema)).toBe(
      '{"properties":{"__proto__":{"type":"string"}},"x-__proto__":{"x":1}}',
    );
  });
});

/** What of `source` is not at the same place in `published`, following references on both sides for a few levels. */
function differences(
  source: unknown,
  published: unknown,
  root: unknown,
  components: Readonly<Record<string, unknown>>,
  path: string,
  level: number,
): string[] {
  if (level > 12) return [];
  if (source === true && isEmpty(published)) return [];
  if (typeof source !== 'object' || source === null) {
    return Object.is(source, published) ? [] : [`${path}: ${JSON.stringify(source)} ≠ ${JSON.stringify(published)}`];
  }
  if (typeof published !== 'object' || published === null) return [`${path} is missing`];
  return Object.entries(source).flatMap(([key, value]) => {
    const at = `${path}/${key}`;
    if ((key === '$schema' && level === 0) || key === '$defs') return [];
    const other = (published as Readonly<Record<string, unknown>>)[key];
    if (key !== '$ref') return differences(value, other, root, components, at, level + 1);
    const name = String(other).replace('#/components/schemas/', '');
    return differences(follow(root, String(value)), components[name], root, components, at, level + 1);
  });
}

function isEmpty(value: unknown): boolean {
  return value === true || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

function follow(root: unknown, reference: string): unknown {
  return reference
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>>)[key], root);
}
