import { describe, expect, test } from '@jest/globals';
import { schemaRefusal } from '../../../src/schema/normalize-schema.ts';
import { takes, verdictOn } from './verdicts.ts';

const positive = { type: 'integer', minimum: 1 };

describe('references', () => {
  const rows: [name: string, reference: object, root: Record<string, unknown>][] = [
    ['$defs', { $ref: '#/$defs/p' }, { $defs: { p: positive } }],
    ['definitions', { $ref: '#/definitions/p' }, { definitions: { p: positive } }],
    ['an unknown place', { $ref: '#/components/schemas/p' }, { components: { schemas: { p: positive } } }],
    ['another reference', { $ref: '#/$defs/q' }, { $defs: { p: positive, q: { $ref: '#/$defs/p' } } }],
    ['nested $defs', { $ref: '#/$defs/q/$defs/p' }, { $defs: { q: { $defs: { p: positive } } } }],
    ['escapes of JSON pointers', { $ref: '#/$defs/a~1b~0c' }, { $defs: { 'a/b~c': positive } }],
    ['escapes of URIs', { $ref: '#/$defs/gr%C3%B6%C3%9Fe%20%25' }, { $defs: { 'größe %': positive } }],
    ['names as they are', { $ref: '#/$defs/größe' }, { $defs: { größe: positive } }],
    ['an item', { $ref: '#/allOf/0/$defs/p' }, { allOf: [{ $defs: { p: positive } }] }],
    ['$anchor', { $ref: '#p' }, { $defs: { x: { $anchor: 'p', ...positive } } }],
    ["draft-07's $id as an anchor", { $ref: '#p' }, { definitions: { x: { $id: '#p', ...positive } } }],
    ['$id, absolute', { $ref: 'https://a.example/p' }, { $defs: { x: { $id: 'https://a.example/p', ...positive } } }],
    [
      '$id, relative',
      { $ref: 'p.json' },
      { $id: 'https://a.example/r.json', $defs: { x: { $id: 'p.json', ...positive } } },
    ],
    ['$id of no base', { $ref: 'p' }, { $defs: { x: { $id: 'p', ...positive } } }],
    ['own $id', { $ref: 'https://a.example/r#/$defs/p' }, { $id: 'https://a.example/r', $defs: { p: positive } }],
    ['inside a $id', { $ref: 'q#/$defs/p' }, { $defs: { x: { $id: 'q', $defs: { p: positive } } } }],
    [
      'a definition of the root, from inside a $id',
      { $ref: 'q' },
      { $defs: { p: positive, x: { $id: 'q', $ref: '#/$defs/p' } } },
    ],
    ['$dynamicRef', { $dynamicRef: '#p' }, { $defs: { x: { $dynamicAnchor: 'p', ...positive } } }],
    ['siblings', { $ref: '#/$defs/p', minimum: 1 }, { $defs: { p: { type: 'integer' } } }],
    ['a name that objects inherit', { $ref: '#/$defs/constructor' }, { $defs: { constructor: positive } }],
  ];
  for (const [name, reference, root] of rows) {
    test(name, () => {
      expect([takes(reference, 1, root), takes(reference, 0, root), takes(reference, 'x', root)]).toEqual([
        true,
        false,
        false,
      ]);
    });
  }

  test('$dynamicRef leads to the outermost anchor', () => {
    const tree = { $id: 'tree', $dynamicAnchor: 'node', properties: { child: { $dynamicRef: '#node' } } };
    const schema = {
      type: 'object',
      $dynamicAnchor: 'node',
      $ref: 'tree',
      unevaluatedProperties: false,
      $defs: { tree },
    };
    expect(Array.isArray(verdictOn(schema, { child: { child: {} } }))).toBe(false);
    expect(Array.isArray(verdictOn(schema, { child: { chlid: {} } }))).toBe(true);
  });

  test('$recursiveRef', () => {
    const schema = { type: 'object', $recursiveAnchor: true, properties: { n: { $recursiveRef: '#' }, i: positive } };
    expect(Array.isArray(verdictOn(schema, { n: { n: { i: 1 } } }))).toBe(false);
    expect(Array.isArray(verdictOn(schema, { n: { n: { i: 0 } } }))).toBe(true);
  });

  test('unevaluatedProperties sees through references', () => {
    const root = { $defs: { a: { properties: { a: {} } }, b: { allOf: [{ $ref: '#/$defs/a' }] } } };
    const schema = { $ref: '#/$defs/b', properties: { b: {} }, unevaluatedProperties: false };
    expect(takes(schema, { a: 1, b: 2 }, root)).toBe(true);
    expect(takes(schema, { a: 1, c: 2 }, root)).toBe(false);
  });

  test('the same $id in two tools, or twice in one, means what stands beside it', () => {
    const schema = (type: string) => ({
      $ref: 'https://a.example/x',
      $defs: { x: { $id: 'https://a.example/x', type } },
    });
    expect([takes({}, 1), takes(schema('string').$defs.x, 'x'), takes(schema('integer').$defs.x, 1)]).toEqual([
      true,
      true,
      true,
    ]);
    const both = { $defs: { a: { $id: 'x', type: 'string' }, b: { $id: 'x', type: 'integer' } } };
    expect(takes({ $ref: 'x' }, 'text', both)).toBe(true);
  });

  test('what looks like one where no schema stands is none', () => {
    expect(
      takes({ const: { $ref: 'https://a.example/' }, default: { $ref: '#/nowhere' } }, { $ref: 'https://a.example/' }),
    ).toBe(true);
    expect(takes({ type: 'object', properties: { $ref: { type: 'string' } } }, { $ref: 'x' })).toBe(true);
  });
});

describe('a tool is left out', () => {
  const nested = (levels: number) => {
    let schema: object = { type: 'string' };
    for (let level = 0; level < levels; level++) schema = { items: schema };
    return schema as Record<string, unknown>;
  };
  const chain = (length: number, from: (next: object) => object) =>
    Object.fromEntries(Array.from({ length }, (_, i) => [`d${i}`, from({ $ref: `#/$defs/d${i + 1}` })]));
  const rows: [name: string, schema: Record<string, unknown>, reason: RegExp][] = [
    [
      'a network $ref',
      { properties: { 'a/b': { $ref: 'https://a.example/s.json' } } },
      /no \$ref is fetched \(at #\/properties\/a~1b\)/,
    ],
    ['a $ref without a scheme', { items: { $ref: '//a.example/s.json' } }, /no \$ref is fetched \(at #\/items\)/],
    ['a file', { items: { $ref: 'file:///etc/passwd' } }, /no \$ref is fetched/],
    ['relative to a network $id', { $id: 'https://a.example/r', items: { $ref: 's.json' } }, /no \$ref is fetched/],
    [
      'a dangling $ref',
      { anyOf: [{}, { $ref: '#/$defs/none' }] },
      /"#\/\$defs\/none", which is not in it \(at #\/anyOf\/1\)/,
    ],
    ['a $ref to what every object has', { items: { $ref: '#/$defs/toString' }, $defs: {} }, /not in it/],
    ['a dangling anchor', { items: { $ref: '#none' } }, /not in it/],
    ['a $ref to no schema', { items: { $ref: '#/title' }, title: 'x' }, /not in it/],
    [
      'in a definition that is used',
      { items: { $ref: '#/$defs/a' }, $defs: { a: { not: { $ref: '#x' } } } },
      /at #\/\$defs\/a\/not/,
    ],
    ['itself', { $ref: '#' }, /without an end \(at #\)/],
    ['a circle', { allOf: [{ $ref: '#/$defs/a' }], $defs: { a: { anyOf: [{ $ref: '#' }] } } }, /without an end/],
    ['101 levels', nested(101), /more than 100 levels deep \(at #(\/items)+/],
    ['10,000 levels', nested(10_000), /more than 100 levels deep/],
    [
      '101 references on end',
      { $ref: '#/$defs/d0', $defs: { ...chain(101, (next) => next), d101: {} } },
      /more than 100 references/,
    ],
    ['20,001 values', { enum: Array.from({ length: 20_001 }, (_, i) => i) }, /larger than/],
    ['half a million characters', { description: 'x'.repeat(600_000) }, /larger than/],
  ];
  for (const [name, schema, reason] of rows) {
    test(`for ${name}`, () => {
      expect(schemaRefusal({ type: 'object', ...schema })).toMatch(reason);
      expect((schemaRefusal({ type: 'object', ...schema }) ?? '').length).toBeLessThan(700);
    });
  }

  test('but not for an unused definition, recursion into values, or a long way through values', () => {
    expect(schemaRefusal({ $defs: { a: { $ref: '#/nowhere' } } })).toBeUndefined();
    const list = { properties: { next: { $ref: '#' }, all: { items: { $ref: '#' } } } };
    expect(schemaRefusal(list)).toBeUndefined();
    const schema = {
      type: 'object',
      $ref: '#/$defs/d0',
      $defs: { ...chain(900, (next) => ({ properties: { n: next } })), d900: positive },
    };
    expect(schemaRefusal(schema)).toBeUndefined();
    expect(Array.isArray(verdictOn(schema, { n: { n: {} } }))).toBe(false);
  });

  test('names in a reason have no control characters', () => {
    const key = 'a\n\u001b[31m\u2028\u202eb';
    expect(schemaRefusal({ properties: { [key]: { $ref: '#/x' } } })).toMatch(
      /at #\/properties\/a[^\p{Cc}\p{Cf}\u2028]*b\)/u,
    );
  });
});
