import { describe, expect, test } from '@jest/globals';
import { takes } from './verdicts.ts';

const draft4 = { $schema: 'http://json-schema.org/draft-04/schema#' };
const draft7 = { $schema: 'http://json-schema.org/draft-07/schema#' };
const draft2019 = { $schema: 'https://json-schema.org/draft/2019-09/schema' };
const pair = [{ type: 'string' }, { type: 'integer' }];

describe('dialects', () => {
  const rows: [name: string, schema: object, value: unknown, isTaken: boolean, root?: Record<string, unknown>][] = [
    ['draft-04 exclusive bound', { minimum: 1, exclusiveMinimum: true }, 1, false, draft4],
    ['draft-04 exclusive bound', { minimum: 1, exclusiveMinimum: true }, 2, true, draft4],
    ['draft-04 bound', { maximum: 1, exclusiveMaximum: false }, 1, true, draft4],
    ['boolean exclusive bound without a dialect', { maximum: 1, exclusiveMaximum: true }, 1, false],
    ['draft-07 tuple', { items: pair }, ['a', 'b'], false, draft7],
    ['draft-07 tuple, more items', { items: pair }, ['a', 1, {}], true, draft7],
    ['draft-07 additionalItems', { items: pair, additionalItems: false }, ['a', 1, 2], false, draft7],
    ['draft-07 additionalItems', { items: pair, additionalItems: { type: 'null' } }, ['a', 1, null], true, draft7],
    ['draft-07 dependencies of names', { dependencies: { a: ['b'] } }, { a: 1 }, false, draft7],
    ['draft-07 dependencies of a schema', { dependencies: { a: { required: ['b'] } } }, { a: 1 }, false, draft7],
    ['draft-07 does not know prefixItems', { prefixItems: pair }, [1], true, draft7],
    ['draft-07 does not know unevaluatedProperties', { unevaluatedProperties: false }, { a: 1 }, true, draft7],
    ['2019-09 tuple', { items: pair, additionalItems: false }, ['a', 1, 2], false, draft2019],
    ['2019-09 dependentRequired', { dependentRequired: { a: ['b'] } }, { a: 1 }, false, draft2019],
    [
      '2019-09 unevaluatedProperties',
      { properties: { a: {} }, unevaluatedProperties: false },
      { b: 1 },
      false,
      draft2019,
    ],
    ['2020-12 prefixItems', { prefixItems: pair, items: false }, ['a', 1, 2], false],
    ['2020-12 with the tuples of draft-07', { items: pair, additionalItems: false }, ['a', 1, 2], false],
    ['2020-12 with the tuples of draft-07', { items: pair }, ['a', 1, 2], true],
    ['contains with counts', { contains: { const: 1 }, minContains: 2 }, [1, 2], false],
    ['unevaluatedItems', { prefixItems: pair, unevaluatedItems: false }, ['a', 1, 2], false],
    ['dependentSchemas', { dependentSchemas: { a: { required: ['b'] } } }, { a: 1 }, false],
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    ['then without if', { then: false }, 1, true],
    ['characters, not code units', { minLength: 2, maxLength: 2 }, '😀😀', true],
    ['characters, not code units', { minLength: 2 }, '😀', false],
    ['characters, not code units', { maxLength: 2 }, '😀😀😀', false],
    ['no characters', { minLength: 0, maxLength: 0 }, '', true],
    ['a multiple that doubles do not divide', { multipleOf: 0.01 }, 19.99, true],
    ['no multiple', { multipleOf: 0.01 }, 19.999, false],
  ];
  for (const [name, schema, value, isTaken, root] of rows) {
    test(`${name}: ${JSON.stringify(value)} is ${isTaken ? 'taken' : 'refused'}`, () => {
      expect(takes(schema, value, root)).toBe(isTaken);
    });
  }
});

describe('what servers send in broken form costs no tool', () => {
  const rows: [name: string, schema: unknown, taken: unknown[], refused: unknown[]][] = [
    ['the type int', { type: 'int' }, [1], ['x', 1.5]],
    ['the type str', { type: 'str' }, ['x'], [1]],
    ['the type float', { type: 'float' }, [1.5], ['x']],
    ['the type bool', { type: 'bool' }, [true], [1]],
    ['the type dict', { type: 'dict' }, [{}], [[]]],
    ['types in capitals', { type: 'STRING' }, ['x'], [1]],
    ['an unknown type', { type: 'unknown' }, [1, 'x', null], []],
    ['a list with an unknown type', { type: ['string', 'thing'] }, [1, 'x'], []],
    ['no types', { type: [] }, [1, 'x'], []],
    ['required that is null', { required: null }, [{}], []],
    ['required that is true', { required: true, type: 'string' }, ['x'], [1]],
    ['required with other things', { type: 'object', required: ['a', 1, 'a'] }, [{ a: 1 }], [{}]],
    ['anyOf without members', { anyOf: [] }, [1], []],
    ['anyOf with null', { anyOf: [null, { type: 'string' }] }, [1], []],
    ['enum without members', { enum: [] }, [1], []],
    ['enum that is no list', { enum: 'a' }, ['b'], []],
    ['items that is no schema', { type: 'array', items: 'string' }, [[1]], ['x']],
    ['properties that are no schemas', { type: 'object', properties: { a: 'string', b: null } }, [{ a: 1 }], [1]],
    ['properties that is a list', { type: 'object', properties: [] }, [{ a: 1 }], [1]],
    ['nullable', { type: 'string', nullable: true, enum: ['a'] }, ['a', null], ['b', 1]],
    ['nullable without a type', { nullable: true }, [1, null], []],
    ['a pattern that is none', { type: 'string', pattern: '(' }, ['x'], [1]],
    ['a pattern that needs no u flag', { type: 'string', pattern: '^[\\w-.]+\\-$' }, ['a.b-'], ['a b-']],
    ['patternProperties that is none', { patternProperties: { '(': false } }, [{ '(': 1 }], []],
    ['an unknown format', { type: 'string', format: 'colour' }, ['x'], [1]],
    ['a format that is no text', { type: 'string', format: 7 }, ['x'], [1]],
    ['unknown keywords', { type: 'string', 'x-order': 1, $comment: 5, discriminator: {} }, ['x'], [1]],
    ['bounds that are texts', { type: 'integer', minimum: '5', maximum: null, minLength: -1 }, [1], ['x']],
    ['multipleOf 0', { multipleOf: 0 }, [1.5], []],
    ['uniqueItems that is no boolean', { uniqueItems: 'yes' }, [[1, 1]], []],
  ];
  for (const [name, schema, taken, refused] of rows) {
    test(name, () => {
      for (const value of taken) expect([value, takes(schema, value)]).toEqual([value, true]);
      for (const value of refused) expect([value, takes(schema, value)]).toEqual([value, false]);
    });
  }
});
