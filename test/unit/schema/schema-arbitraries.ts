import fc from 'fast-check';
import type { JsonSchema } from '../../../src/mcp/session.ts';

const names = fc.constantFrom('a', 'b', 'c', '__proto__', 'x/y');
const references = fc.constantFrom(
  '#',
  '#/properties/a',
  '#/$defs/d0',
  '#/$defs/d1',
  '#/$defs/d2',
  '#/$defs/d%33',
  '#here',
  '#/$defs/none',
  'inner#/$defs/own',
);
const count = fc.nat({ max: 3 });
const scalar = fc.constantFrom<unknown>('a', 'b', '', 'abc', 0, 1, 2, 1.5, true, false, null);
const typeName = fc.constantFrom('string', 'number', 'integer', 'boolean', 'object', 'array', 'null');
/** Ajv takes a property called `__proto__` for evaluated. */
const valueNames = fc.constantFrom('a', 'b', 'c', 'x/y');
const dictionary = (schema: fc.Arbitrary<unknown>) =>
  fc.dictionary(names, schema, { maxKeys: 3, noNullPrototype: true });

/** A JSON value with few different parts, so that it often fits; arrays at most two deep. */
export const values: fc.Arbitrary<unknown> = fc.letrec<Record<'value' | 'flat' | 'object', unknown>>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalar, tie('flat'), tie('object'), fc.array(tie('flat'), { maxLength: 3 })),
  flat: fc.oneof(scalar, fc.array(fc.oneof(scalar, fc.constant({})), { maxLength: 3 })),
  object: fc.dictionary(valueNames, tie('value'), { maxKeys: 3, noNullPrototype: true }),
})).value;

export const argumentValues: fc.Arbitrary<Record<string, unknown>> = fc.dictionary(valueNames, values, {
  maxKeys: 4,
  noNullPrototype: true,
});

/** Ajv reads the first not at all, and the second otherwise than 2020-12 where its anchor is a plain one or missing. */
const outsideComparison: ReadonlySet<string> = new Set(['nullable', '$dynamicRef']);

/** Small schemas in which every keyword is there now and then. */
function keywords(child: fc.Arbitrary<unknown>, isBroken: boolean): fc.Arbitrary<Record<string, unknown>> {
  const required = fc.uniqueArray(names, { maxLength: 2 });
  const children = fc.array(child, { minLength: 1, maxLength: 3 });
  const arbitraries: Record<string, fc.Arbitrary<unknown>> = {
    type: fc.oneof(
      { weight: 3, arbitrary: typeName },
      { weight: 1, arbitrary: fc.uniqueArray(typeName, { minLength: 1, maxLength: 3 }) },
    ),
    enum: fc.array(scalar, { minLength: 1, maxLength: 3 }),
    const: scalar,
    default: scalar,
    description: fc.constantFrom('', 'about a', 'Default 1.'),
    properties: dictionary(child),
    patternProperties: fc.dictionary(fc.constantFrom('^a', 'b'), child, { maxKeys: 1, noNullPrototype: true }),
    additionalProperties: child,
    unevaluatedProperties: child,
    propertyNames: child,
    required,
    dependentRequired: dictionary(required),
    dependentSchemas: dictionary(child),
    minProperties: count,
    maxProperties: count,
    items: child,
    prefixItems: children,
    // Ajv lets an empty list pass where it sees that any item would do.
    contains: child.map((schema) => ({ minLength: 0, allOf: [schema] })),
    minContains: count,
    maxContains: count,
    unevaluatedItems: child,
    minItems: count,
    maxItems: count,
    uniqueItems: fc.boolean(),
    minimum: count,
    maximum: count,
    exclusiveMaximum: count,
    multipleOf: fc.constantFrom(1, 0.5),
    minLength: count,
    maxLength: count,
    pattern: fc.constantFrom('^a', 'b$'),
    format: fc.constantFrom('date', 'int32'),
    anyOf: children,
    oneOf: children,
    allOf: children,
    not: child,
    if: child,
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's keyword.
    then: child,
    else: child,
    $ref: references,
    $dynamicRef: fc.constantFrom('#node', '#here'),
    $dynamicAnchor: fc.constant('node'),
  };
  const broken = fc.constantFrom<unknown>(null, [], {}, 'int', -1, true, [null], [{}], 'https://example.com/x', {
    a: 1,
  });
  const keyword = (name: string) => {
    const arbitrary = arbitraries[name] ?? fc.constant(1);
    const isBrokenHere = isBroken ? fc.oneof({ weight: 4, arbitrary }, { weight: 1, arbitrary: broken }) : arbitrary;
    return isBrokenHere.map((value) => [name, value] as const);
  };
  return (
    fc
      .uniqueArray(fc.constantFrom(...Object.keys(arbitraries), 'type', 'type', 'properties', 'anyOf', 'nullable'), {
        maxLength: 5,
      })
      .filter((chosen) => isBroken || !chosen.some((name) => outsideComparison.has(name)))
      // Beside a tuple, ajv lets an empty list pass `contains`.
      .filter((chosen) => !(chosen.includes('contains') && chosen.includes('prefixItems')))
      .chain((chosen) => fc.tuple(...chosen.map(keyword)))
      .map((entries) => Object.fromEntries(entries))
  );
}

/** Any JSON Schema: cycles, combinators, booleans; with `isBroken` also keywords whose values are none. */
export function schemas(isBroken: boolean): fc.Arbitrary<JsonSchema> {
  const { schema } = fc.letrec<Record<'schema', unknown>>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      { weight: 1, arbitrary: fc.boolean() },
      { weight: 2, arbitrary: typeName.map((type) => ({ type })) },
      { weight: 8, arbitrary: keywords(tie('schema'), isBroken) },
    ),
  }));
  const whole = fc.record({
    root: keywords(schema, isBroken),
    defs: fc.array(schema, { minLength: 4, maxLength: 4 }),
    anchored: keywords(schema, isBroken),
    own: schema,
  });
  return whole.map(({ root, defs, anchored, own }) => ({
    ...root,
    $defs: {
      ...Object.fromEntries(defs.map((schema, index) => [`d${index}`, schema])),
      anchored: { ...anchored, $anchor: 'here' },
      inner: { $id: 'inner', $defs: { own } },
    },
  }));
}
