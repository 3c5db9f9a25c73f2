import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { InvalidArgumentsError } from '../../../src/errors.ts';
import type { JsonSchema } from '../../../src/mcp/session.ts';
import { ArgumentChecks } from '../../../src/schema/check/argument-check.ts';
import { CheckCompiler } from '../../../src/schema/check/check-compiler.ts';
import { SchemaUnits } from '../../../src/schema/check/schema-units.ts';
import { normalizeSchema, schemaRefusal } from '../../../src/schema/normalize-schema.ts';
import { object, verdictOn } from './verdicts.ts';

/** The same values in each run, so that a failure is the change's own; another seed looks further. */
const seed = Number(process.env.FUZZ_SEED ?? 1);

const integer = { type: 'integer' };
const tagged = (op: string, v: object, rest: object = {}) => ({
  type: 'object',
  properties: { op: { const: op }, v, ...rest },
  required: ['op', 'v'],
});

describe('coercion', () => {
  const rows: [name: string, schema: object, sent: unknown, arrives: unknown][] = [
    ['an integer', integer, '3', 3],
    ['an integer with a point', integer, '3.0', 3],
    ['a negative number', { type: 'number' }, ' -1.5e3 ', -1500],
    ['true', { type: 'boolean' }, 'true', true],
    ['false', { type: 'boolean' }, 'false', false],
    ['an integer or null', { type: ['integer', 'null'] }, '3', 3],
    ['in an alternative', { anyOf: [integer, { type: 'null' }] }, '3', 3],
    ['in lists of lists', { items: { items: integer } }, [['1'], ['2', 3]], [[1], [2, 3]]],
    ['in a map', { additionalProperties: integer }, { a: '1' }, { a: 1 }],
    ['through a reference', { $ref: '#/$defs/i' }, '3', 3],
    ['through references in lists', { items: { anyOf: [{ $ref: '#/$defs/o' }] } }, [{ n: '3' }], [{ n: 3 }]],
    ['a string that is allowed stays', { anyOf: [integer, { type: 'string' }] }, '3', '3'],
    ['a string without a type stays', {}, '3', '3'],
    [
      'in the alternative of its tag only',
      { oneOf: [tagged('a', { type: 'string' }, { n: integer }), tagged('b', integer)] },
      { op: 'a', v: '3', n: '4' },
      { op: 'a', v: '3', n: 4 },
    ],
    [
      'where only another alternative than the closest can be meant',
      { anyOf: [{ items: { const: 'x' } }, { items: integer }] },
      ['3'],
      [3],
    ],
  ];
  test.each(rows)('%s', (_name, schema, sent, arrives) => {
    const root = { $defs: { i: integer, o: { type: 'object', properties: { n: integer } } } };
    expect(verdictOn(object({ x: schema }, root), { x: sent })).toEqual({ x: arrives });
  });

  const refused: [schema: object, sent: unknown][] = [
    [integer, '3.5'],
    [integer, 'true'],
    [integer, ''],
    [integer, '99999999999999999999'],
    [integer, true],
    [integer, null],
    [integer, ['3']],
    [{ type: 'boolean' }, 'True'],
    [{ type: 'boolean' }, '1'],
    [{ type: 'boolean' }, 1],
    [{ type: 'string' }, 3],
    [{ type: 'null' }, 'null'],
    [{ type: 'array' }, '[]'],
    [{ type: 'object' }, '{}'],
    [{ enum: [1, 2] }, '1'],
    [{ type: 'integer', minimum: 5 }, '3'],
  ];
  test.each(refused)('%j does not take %j, and leaves it as it was', (schema, sent) => {
    const args = { x: structuredClone(sent) };
    expect(verdictOn(object({ x: schema }), args)).toBeInstanceOf(Array);
    expect(args).toEqual({ x: sent });
  });
});

describe('defaults', () => {
  const d = (value: unknown, rest: object = {}) => ({ ...rest, default: value });
  const rows: [name: string, schema: JsonSchema, sent: object, arrives: object][] = [
    ['at the root', object({ a: d('x') }), {}, { a: 'x' }],
    ['null', object({ a: d(null, { type: ['string', 'null'] }) }), {}, { a: null }],
    ['of a required property', object({ a: d(1, integer) }, { required: ['a'] }), {}, { a: 1 }],
    ['in an object that is there', object({ o: object({ a: d(1) }) }), { o: {} }, { o: { a: 1 } }],
    ['not in one that is not there', object({ o: object({ a: d(1) }) }), {}, {}],
    ['in items', object({ l: { items: object({ a: d(1) }) } }), { l: [{}, { a: 2 }] }, { l: [{ a: 1 }, { a: 2 }] }],
    ['in prefixItems', object({ l: { prefixItems: [object({ a: d(1) })] } }), { l: [{}] }, { l: [{ a: 1 }] }],
    [
      'in a map',
      object({ m: { additionalProperties: object({ a: d(1) }) } }),
      { m: { k: {} } },
      { m: { k: { a: 1 } } },
    ],
    ['through a reference', object({ n: { $ref: '#' }, a: d(1) }), { n: {} }, { n: { a: 1 }, a: 1 }],
    ['through allOf', { type: 'object', allOf: [object({ a: d(1) })] } as JsonSchema, {}, { a: 1 }],
    [
      'in the object or null',
      object({ o: { anyOf: [object({ a: d(1) }), { type: 'null' }] } }),
      { o: {} },
      { o: { a: 1 } },
    ],
    [
      'in the alternative of its tag',
      object({ o: { oneOf: [tagged('a', {}, { z: d(1) }), tagged('b', {}, { y: d(2) })] } }),
      { o: { op: 'b', v: 0 } },
      { o: { op: 'b', v: 0, y: 2 } },
    ],
    [
      'not where several alternatives can be meant',
      object({ o: { anyOf: [object({ a: d(1) }), object({ b: d(1) })] } }),
      { o: {} },
      { o: {} },
    ],
    ['of the wrong type', object({ a: d('abc', integer), b: d(1) }), {}, { b: 1 }],
    ['out of bounds', object({ a: d(0, { minimum: 1 }), b: d(1) }), {}, { b: 1 }],
    ['null where there may be none', object({ a: d(null, { type: 'string' }) }), {}, {}],
    ['an object that lacks something', object({ o: d({}, { type: 'object', required: ['a'] }) }), {}, {}],
    [
      'that another keyword excludes',
      object({ a: d(1), b: {} }, { not: { required: ['a', 'b'] } }),
      { b: 1 },
      { b: 1 },
    ],
    ['beside coercion', object({ a: d('abc', { pattern: '^x' }), i: integer }), { i: '3' }, { i: 3 }],
    ['one each', object({ l: { items: object({ a: d([]) }) } }), { l: [{}, {}] }, { l: [{ a: [] }, { a: [] }] }],
  ];
  test.each(rows)('%s', (_name, schema, sent, arrives) => {
    expect(verdictOn(schema, sent as Record<string, unknown>)).toEqual(arrives);
  });

  test('a call does not change the default of the next one', () => {
    const check = new ArgumentChecks().add(object({ a: d([]) }));
    const first: Record<string, unknown> = {};
    check(first);
    (first.a as unknown[]).push(1);
    const second = {};
    check(second);
    expect(second).toEqual({ a: [] });
  });

  test('a required property whose default is wrong is missing', () => {
    const verdict = verdictOn(object({ a: d('abc', integer) }, { required: ['a'] }), {});
    expect(verdict).toMatchObject([{ type: 'missing', loc: ['body', 'a'] }]);
  });
});

describe('issues of alternatives', () => {
  const ops = { items: { oneOf: [tagged('add', integer), tagged('remove', { type: 'string' })] } };
  const rows: [name: string, schema: object, sent: unknown, issues: object[]][] = [
    ['the one of its tag', ops, [{ op: 'add', v: 'x' }], [{ type: 'int_type', loc: ['body', 'x', 0, 'v'] }]],
    [
      'the one of its tag, behind references',
      { $ref: '#/$defs/ops' },
      [{ op: 'remove' }],
      [{ type: 'missing', loc: ['body', 'x', 0, 'v'] }],
    ],
    [
      'all tags',
      ops,
      [{ op: 'move', v: 1 }],
      [{ type: 'enum', loc: ['body', 'x', 0, 'op'], msg: 'Input should be one of "add", "remove"' }],
    ],
    [
      'the object, not null',
      { anyOf: [{ type: 'null' }, object({ a: integer })] },
      { a: [] },
      [{ type: 'int_type', loc: ['body', 'x', 'a'] }],
    ],
    [
      'all types',
      { anyOf: [{ type: 'string' }, { anyOf: [integer, { type: 'null' }] }] },
      [],
      [{ type: 'type_error', loc: ['body', 'x'], msg: 'Input should be string or integer or null' }],
    ],
    [
      'all values',
      { anyOf: [{ const: 'a' }, { enum: ['b', 'c'] }] },
      'd',
      [{ type: 'enum', msg: 'Input should be one of "a", "b", "c"' }],
    ],
    ['several that hold', { oneOf: [{}, {}] }, 1, [{ type: 'json_schema_oneOf', loc: ['body', 'x'] }]],
    [
      'then',
      { if: { required: ['a'] }, [`${'th'}en`]: { required: ['b'] } },
      { a: 1 },
      [{ type: 'missing', loc: ['body', 'x', 'b'] }],
    ],
    ['contains', { contains: { type: 'string' } }, [1, 2, 3], [{ type: 'json_schema_contains', loc: ['body', 'x'] }]],
    [
      'names of properties',
      { propertyNames: { maxLength: 1 } },
      { ab: 1 },
      [{ type: 'json_schema_propertyNames', loc: ['body', 'x'] }],
    ],
    [
      'escapes in names',
      { additionalProperties: integer },
      { 'a/b~c': 'x' },
      [{ type: 'int_type', loc: ['body', 'x', 'a/b~c'], input: 'x' }],
    ],
  ];
  test.each(rows)('%s', (_name, schema, sent, issues) => {
    const found = verdictOn(object({ x: schema }, { $defs: { ops } }), { x: sent });
    expect(found).toMatchObject(issues);
    expect(found).toHaveLength(issues.length);
  });

  test('messages are one line and bounded, and so are the places', () => {
    const schema = object({ x: { enum: ['a\nb', 'c'.repeat(5_000)] } }, { additionalProperties: false });
    const issues = verdictOn(schema, { x: 1, ['k'.repeat(100_000)]: 1 });
    expect(issues).toHaveLength(2);
    expect(JSON.stringify(issues).length).toBeLessThan(2_000);
    for (const { msg } of issues as { msg: string }[]) expect(msg).not.toMatch(/[\n\r]/);
  });
});

describe('any schema and any arguments', () => {
  const name = fc.constantFrom('a', 'b', '__proto__', 'constructor', 'toString', 'a/b', '~', '');
  const value = fc.jsonValue({ maxDepth: 2 });
  const keywords = [
    ...[
      'type',
      'enum',
      'const',
      'default',
      'required',
      'nullable',
      'minimum',
      'exclusiveMinimum',
      'multipleOf',
      'maxLength',
    ],
    ...[
      'pattern',
      'format',
      'uniqueItems',
      'minItems',
      'minContains',
      'dependentRequired',
      '$anchor',
      '$id',
      'x-other',
    ],
  ];
  const text = fc.constantFrom(
    'string',
    'integer',
    'object',
    'array',
    'int',
    '^(a+)+$',
    '(',
    'date-time',
    'a',
    '__proto__',
  );
  const scalar = fc.oneof(
    text,
    fc.constantFrom<unknown>(0, 1, 2.5, -1, true, false, null),
    fc.array(text, { maxLength: 3 }),
    value,
  );
  const reference = fc.constantFrom(
    '#',
    '#/$defs/a',
    '#/$defs/b',
    '#/properties/a',
    '#/nowhere',
    '#x',
    'https://a.example/',
  );
  const { schema } = fc.letrec<{ schema: unknown; map: unknown; node: unknown }>((tie) => ({
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(true, false, {}, null),
      tie('node'),
    ),
    map: fc.array(fc.tuple(name, tie('schema')), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
    node: fc
      .record({
        plain: fc.array(fc.tuple(fc.constantFrom(...keywords), scalar), { maxLength: 4 }),
        maps: fc.array(
          fc.tuple(
            fc.constantFrom('properties', 'patternProperties', '$defs', 'dependentSchemas', 'dependencies'),
            tie('map'),
          ),
          { maxLength: 2 },
        ),
        lists: fc.array(
          fc.tuple(
            fc.constantFrom('anyOf', 'oneOf', 'allOf', 'prefixItems', 'items'),
            fc.array(tie('schema'), { maxLength: 2 }),
          ),
          { maxLength: 2 },
        ),
        ones: fc.array(
          fc.tuple(
            fc.constantFrom(
              'items',
              'additionalProperties',
              'not',
              'if',
              'then',
              'contains',
              'propertyNames',
              'unevaluatedProperties',
              'unevaluatedItems',
            ),
            tie('schema'),
          ),
          { maxLength: 2 },
        ),
        references: fc.array(fc.tuple(fc.constantFrom('$ref', '$dynamicRef'), reference), { maxLength: 1 }),
      })
      .map(({ plain, maps, lists, ones, references }) =>
        Object.fromEntries([...plain, ...maps, ...lists, ...ones, ...references]),
      ),
  }));
  const args = fc
    .dictionary(name, fc.oneof(value, fc.constantFrom('3', 'true', 'a'.repeat(30))))
    .map((given) => JSON.parse(JSON.stringify(given)));

  test('what is not refused compiles, and a check throws nothing but InvalidArgumentsError', () => {
    fc.assert(
      fc.property(schema, args, (anySchema, given: Record<string, unknown>) => {
        const sent = (typeof anySchema === 'object' && anySchema !== null ? anySchema : {}) as Record<string, unknown>;
        if (schemaRefusal(sent) !== undefined) return;
        const untouched = JSON.stringify(sent);
        const schema = normalizeSchema(sent);
        new SchemaUnits(schema, new CheckCompiler('all')).compile(schema);
        const before = JSON.stringify(given);
        const check = new ArgumentChecks().add(sent);
        try {
          check(given);
          // Complete now: a second check finds nothing more to do.
          const once = JSON.stringify(given);
          check(given);
          expect(JSON.stringify(given)).toBe(once);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidArgumentsError);
          expect(JSON.stringify(given)).toBe(before);
        }
        expect(JSON.stringify(sent)).toBe(untouched);
        expect(Object.prototype).not.toHaveProperty('a');
      }),
      { numRuns: 400, seed },
    );
  });
});
