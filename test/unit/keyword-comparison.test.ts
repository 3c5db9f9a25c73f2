import { describe, expect, test } from '@jest/globals';
import { compareKeywords } from '../keyword-comparison.ts';

const rich = {
  type: 'object',
  description: 'All of it.',
  properties: {
    n: { type: 'integer', minimum: 1, maximum: 9, multipleOf: 2, default: 4 },
    s: { type: ['string', 'null'], pattern: '^a', minLength: 1, maxLength: 5, format: 'uri', title: 'S' },
    e: { enum: ['a', 1, null] },
    c: { const: 'fixed' },
    l: { type: 'array', items: { type: 'string', enum: ['x', 'y'] }, minItems: 1, maxItems: 3, uniqueItems: true },
    m: { type: 'object', additionalProperties: { type: 'integer', minimum: 0 }, propertyNames: { pattern: '^[a-z]' } },
    closed: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false },
    u: {
      oneOf: [
        { type: 'string', minLength: 2 },
        { type: 'number', exclusiveMinimum: 0 },
      ],
    },
  },
  required: ['n', 's'],
};

type Path = readonly (string | number)[];

/** The way to every keyword and list item of the schema that says something by itself. */
function statementPaths(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, child]) => statementPaths(child, [...path, key]));
}

function without(value: unknown, [key, ...rest]: Path): unknown {
  const copy = structuredClone(value) as Record<string | number, unknown>;
  if (key === undefined) return copy;
  if (rest.length > 0) copy[key] = without(copy[key], rest);
  else if (Array.isArray(copy)) copy.splice(Number(key), 1);
  else delete copy[key];
  return copy;
}

describe('a comparison of keywords', () => {
  test('finds nothing lost between a schema and itself', () => {
    const { total, lost } = compareKeywords(rich, rich);
    expect([total > 30, lost]).toEqual([true, []]);
  });

  for (const path of statementPaths(rich)) {
    test(`finds ${path.join('/')} lost`, () => {
      expect(compareKeywords(rich, without(rich, path)).lost).toHaveLength(1);
    });
  }

  for (const [what, original, published] of [
    ['a changed bound', { minimum: 1 }, { minimum: 0 }],
    ['a changed default', { default: { a: [1] } }, { default: { a: [2] } }],
    ['a keyword at another place', { properties: { a: { minimum: 1 } } }, { properties: { b: { minimum: 1 } } }],
    ['what a $ref leads to', { $ref: '#/$defs/a', $defs: { a: { minimum: 1 } } }, { type: 'object' }],
    ['what stands beside a $ref', { $ref: '#/$defs/a', maximum: 1, $defs: { a: { minimum: 1 } } }, { minimum: 1 }],
    ['a member of a tuple', { prefixItems: [{ minimum: 1 }, { minimum: 2 }] }, { items: { minimum: 1 } }],
    ['the length of a closed tuple', { prefixItems: [{}], items: false }, { items: {} }],
    ['the second level of a circle', circle(), { properties: { a: { minimum: 1 } } }],
    ['a flag', { additionalProperties: false }, { additionalProperties: true }],
  ] as const) {
    test(`finds ${what} lost`, () => expect(compareKeywords(original, published).lost).not.toEqual([]));
  }

  for (const [what, original, published] of [
    ['an alternative in place of another combinator', { oneOf: [{ minimum: 1 }] }, { anyOf: [{ minimum: 1 }] }],
    [
      'a list of types as alternatives',
      { type: ['string', 'null'] },
      { anyOf: [{ type: 'string' }, { type: 'null' }] },
    ],
    ['constants of alternatives as a list', { anyOf: [{ const: 1 }, { const: 2 }] }, { enum: [1, 2] }],
    [
      'a tuple as alternatives',
      { items: [{ minimum: 1 }, { maximum: 2 }] },
      { items: { anyOf: [{ minimum: 1 }, { maximum: 2 }] } },
    ],
    ['a null among values as a type', { enum: ['a', null] }, { anyOf: [{ enum: ['a'] }, { type: 'null' }] }],
    ['a longer description', { description: 'A word.' }, { description: 'A word. One of: a, b.' }],
    ['parts that are no JSON Schema', { required: null, type: 'int', anyOf: [] }, {}],
    ['definitions that nothing refers to', { $defs: { a: { minimum: 1 } } }, {}],
    [
      'an alternative of the root in words',
      { oneOf: [{ required: ['a'] }, { required: ['b'] }] },
      { description: 'Give a or b.' },
    ],
  ] as const) {
    test(`takes ${what}`, () => expect(compareKeywords(original, published).lost).toEqual([]));
  }

  test('resolves the references of the published side in its document', () => {
    const document = { components: { schemas: { a: { minimum: 1 } } } };
    const published = { $ref: '#/components/schemas/a' };
    expect(compareKeywords({ minimum: 1 }, published, { publishedRoot: document }).lost).toEqual([]);
    expect(compareKeywords({ minimum: 1 }, published).lost).not.toEqual([]);
  });
});

function circle(): object {
  return {
    properties: { a: { $ref: '#/$defs/a' } },
    $defs: { a: { minimum: 1, properties: { a: { $ref: '#/$defs/a' } } } },
  };
}
