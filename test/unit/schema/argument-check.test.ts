import { describe, expect, test } from '@jest/globals';
import { InvalidArgumentsError } from '../../../src/errors.ts';
import type { JsonSchema } from '../../../src/mcp/session.ts';
import { ArgumentChecks } from '../../../src/schema/check/argument-check.ts';

function check(schema: JsonSchema, args: Record<string, unknown>) {
  new ArgumentChecks().add(schema)(args);
  return args;
}

function issuesOf(schema: JsonSchema, args: Record<string, unknown>) {
  try {
    check(schema, args);
  } catch (error) {
    if (error instanceof InvalidArgumentsError) return error.issues;
    throw error;
  }
  return [];
}

const object = (properties: Record<string, unknown>, rest: Record<string, unknown> = {}): JsonSchema => ({
  type: 'object',
  properties,
  ...rest,
});

describe('argument check', () => {
  test('coerces strings where numbers or booleans are asked for, at any depth', () => {
    const schema = object({
      i: { type: 'integer' },
      list: { type: 'array', items: { type: 'number' } },
      b: { anyOf: [{ type: 'boolean' }, { type: 'null' }] },
    });
    expect(check(schema, { i: '3', list: ['1.5', 2], b: 'true' })).toEqual({ i: 3, list: [1.5, 2], b: true });
  });

  test.each(['3.5', 'three', '', '12345678901234567890', 'Infinity', '0x10'])(
    'does not take %j for an integer',
    (text) => {
      expect(issuesOf(object({ i: { type: 'integer' } }), { i: text })).toEqual([
        { type: 'int_type', loc: ['body', 'i'], msg: 'Input should be integer', input: text },
      ]);
    },
  );

  test('leaves a string alone that the schema takes, and never turns null or numbers into something else', () => {
    expect(check(object({ s: { type: ['string', 'integer'] } }), { s: '3' })).toEqual({ s: '3' });
    expect(issuesOf(object({ s: { type: 'string' } }), { s: null })).toHaveLength(1);
    expect(issuesOf(object({ s: { type: 'string' } }), { s: 3 })).toHaveLength(1);
  });

  test('fills in defaults, also nested ones', () => {
    const schema = object({ a: { type: 'string', default: 'x' }, o: object({ b: { default: 2 } }) as object });
    expect(check(schema, { o: {} })).toEqual({ a: 'x', o: { b: 2 } });
  });

  test('reports every finding in the shape of FastAPI', () => {
    const schema = object(
      { n: { type: 'integer', minimum: 1 }, l: { type: 'array', items: { enum: ['a', 'b'] } } },
      { required: ['name'], additionalProperties: false },
    );
    expect(issuesOf(schema, { n: 0, l: ['a', 'c'], extra: true })).toEqual(
      expect.arrayContaining([
        { type: 'missing', loc: ['body', 'name'], msg: 'Field required', input: { n: 0, l: ['a', 'c'], extra: true } },
        { type: 'extra_forbidden', loc: ['body', 'extra'], msg: 'Extra inputs are not permitted', input: true },
        { type: 'greater_than_equal', loc: ['body', 'n'], msg: 'Input must be >= 1', input: 0 },
        { type: 'enum', loc: ['body', 'l', 1], msg: 'Input should be one of "a", "b"', input: 'c' },
      ]),
    );
  });

  test('reads each draft in its own dialect', () => {
    const tuple = [{ type: 'string' }, { type: 'integer' }];
    const draft7 = object(
      { p: { type: 'array', items: tuple } },
      { $schema: 'http://json-schema.org/draft-07/schema#' },
    );
    expect(issuesOf(draft7, { p: ['a', 'b'] })).toHaveLength(1);
    expect(issuesOf(object({ p: { type: 'array', prefixItems: tuple } }), { p: ['a', 'b'] })).toHaveLength(1);
  });

  test('a required name that every object inherits must still be given', () => {
    expect(issuesOf(object({}, { required: ['constructor', 'toString'] }), {})).toHaveLength(2);
  });

  test('arguments with the names of methods are values like others', () => {
    const schema = object({ c: { const: { valueOf: 1, a: [{}] } }, e: { enum: [{ constructor: 'x' }, 'y'] } });
    const args = { c: { a: [{}], valueOf: 1 }, e: { constructor: 'x' } };
    expect(issuesOf(schema, args)).toEqual([]);
    expect(issuesOf(schema, { c: { toString: {}, valueOf: {} }, e: { constructor: {} } })).toHaveLength(2);
    const proto = JSON.parse('{"__proto__":{"e":1},"e":"y"}') as Record<string, unknown>;
    expect(issuesOf(schema, proto)).toEqual([]);
    expect(issuesOf({ type: 'object', additionalProperties: { type: 'string' } }, proto)).toMatchObject([
      { type: 'string_type', loc: ['body', '__proto__'] },
    ]);
  });

  test('does not quote long inputs back', () => {
    expect(JSON.stringify(issuesOf(object({ i: { type: 'integer' } }), { i: 'x'.repeat(5_000) })).length).toBeLessThan(
      300,
    );
  });

  test('two tools may use the same $id', () => {
    const checks = new ArgumentChecks();
    const schema = { ...(object({ i: { type: 'integer' } }) as object), $id: 'https://example.com/same' };
    expect(() => checks.add(schema)({ i: 1 })).not.toThrow();
    expect(() => checks.add({ ...schema })({ i: 1 })).not.toThrow();
  });
});
