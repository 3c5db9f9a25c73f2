import { describe, expect, test } from '@jest/globals';
import { readAsBackend, readAsBrowser } from './open-webui-readers.ts';

function document(schema: unknown, schemas?: object): object {
  return {
    openapi: '3.1.0',
    paths: { '/t': { post: { operationId: 't', requestBody: { content: { 'application/json': { schema } } } } } },
    ...(schemas === undefined ? {} : { components: { schemas } }),
  };
}

const node = { type: 'object', properties: { next: { $ref: '#/components/schemas/Node' } } };
const circle = document(
  { type: 'object', properties: { node: { $ref: '#/components/schemas/Node' } } },
  { Node: node },
);
const ofProperty = (schema: unknown) => document({ type: 'object', properties: { a: schema } });

describe('the models of the readers find what is known to break them', () => {
  for (const [place, schema] of [
    ['a property', true],
    ['items', { type: 'array', items: true }],
    ['a member of anyOf', { anyOf: [{ type: 'string' }, false] }],
    ['a property of a property', { type: 'object', properties: { b: {}, c: true } }],
  ] as const) {
    test(`a boolean as ${place} raises in the backend`, () => {
      expect(() => readAsBackend(ofProperty(schema))).toThrow(TypeError);
    });
  }

  test('a boolean under additionalProperties does not', () => {
    expect(readAsBackend(ofProperty({ type: 'object', additionalProperties: true }))[0]?.mangled).toEqual([]);
  });

  test('a circle overflows in the browser and is mangled in the backend', () => {
    expect(() => readAsBrowser(circle)).toThrow(RangeError);
    expect(readAsBackend(circle)[0]?.mangled).toEqual(['(root)/node/next: a circle, taken for a string']);
  });

  for (const reference of ['#/$defs/A', '#/components/schemas/A']) {
    test(`${reference} without components throws in the browser and is mangled in the backend`, () => {
      const bad = ofProperty({ $ref: reference });
      expect(() => readAsBrowser(bad)).toThrow(TypeError);
      expect(readAsBackend(bad)[0]?.mangled).toEqual(['(root)/a: an unknown $ref, taken for a string']);
    });
  }

  for (const [what, schema] of [
    ['an untyped property', {}],
    ['a list of types', { type: ['string', 'null'] }],
    ['a $ref under additionalProperties', { type: 'object', additionalProperties: { $ref: '#/components/schemas/A' } }],
  ] as const) {
    test(`${what} is mangled in the backend`, () =>
      expect(readAsBackend(ofProperty(schema))[0]?.mangled).toHaveLength(1));
  }

  test('alternatives at the root leave a tool without arguments', () => {
    const bad = document({ type: 'object', oneOf: [{ properties: { a: { type: 'string' } } }] });
    expect(readAsBackend(bad)[0]?.properties.size).toBe(0);
    expect(readAsBrowser(bad)[0]?.properties.size).toBe(0);
  });

  test('the backend makes anyOf of a type and null the type, and keeps what else the node says', () => {
    const [tool] = readAsBackend(
      ofProperty({ anyOf: [{ type: 'string', maxLength: 5 }, { type: 'null' }], default: null }),
    );
    expect(tool?.properties.get('a')).toEqual({ type: 'string', maxLength: 5, default: null });
  });

  test('the browser drops enum, default and bounds', () => {
    const [tool] = readAsBrowser(ofProperty({ type: 'integer', enum: [1], default: 1, minimum: 0, description: 'd' }));
    expect(tool?.properties.get('a')).toEqual({ type: 'integer', description: 'd' });
  });
});
