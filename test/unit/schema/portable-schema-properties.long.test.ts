import { describe, expect, test } from '@jest/globals';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import type { JsonSchema } from '../../../src/mcp/session.ts';
import { schemaRefusal } from '../../../src/schema/normalize-schema.ts';
import { toPortableSchema } from '../../../src/schema/portable/portable-schema.ts';
import { findPortabilityFaults } from '../../portability-rules.ts';
import { processorMs } from '../../processor-time.ts';
import { argumentValues, schemas, values } from './schema-arbitraries.ts';

/** The same values in each run, so that a failure is the change's own; another seed looks further. */
const seed = Number(process.env.FUZZ_SEED ?? 1);

const positions = ['arguments', 'value'] as const;

function compile(schema: unknown): ValidateFunction | undefined {
  try {
    return new Ajv2020({ strict: false, validateSchema: false, logger: false, ownProperties: true }).compile(
      schema as JsonSchema,
    );
  } catch {
    // References to nothing, for one: there is nothing to compare with.
    return undefined;
  }
}

/** A circle without an end in it makes the checker itself give up. */
function accepts(validate: ValidateFunction, value: unknown): boolean {
  try {
    return validate(value) === true;
  } catch {
    return false;
  }
}

describe('any JSON Schema', () => {
  test.each(positions)('becomes one that every client reads, or a reason, as %s', (position) => {
    let published = 0;
    fc.assert(
      fc.property(schemas(true), (source) => {
        const before = processorMs();
        const refused = schemaRefusal(source);
        const schema = refused === undefined ? toPortableSchema(source, position) : undefined;
        expect(processorMs() - before).toBeLessThan(10_000);
        if (schema === undefined) {
          expect(refused).toMatch(
            /^its schema refers to .*(no \$ref is fetched|not in it|without an end) \(at #.*\)$/s,
          );
          return;
        }
        published++;
        expect(findPortabilityFaults(schema, position)).toEqual([]);
        const again = toPortableSchema(JSON.parse(JSON.stringify(schema)) as JsonSchema, position);
        expect(findPortabilityFaults(again, position)).toEqual([]);
      }),
      { numRuns: 1_000, seed },
    );
    expect(published).toBeGreaterThan(500);
  });

  test('even if it is no schema at all', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom(...positions), (text, position) => {
        const source = JSON.parse(text) as JsonSchema;
        if (schemaRefusal(source) === undefined)
          expect(findPortabilityFaults(toPortableSchema(source, position), position)).toEqual([]);
      }),
      { numRuns: 500, seed },
    );
  });
});

describe('what the original accepts, the portable schema accepts', () => {
  test('as a value', () => {
    let accepted = 0;
    fc.assert(
      fc.property(schemas(false), fc.array(values, { minLength: 8, maxLength: 8 }), (source, tried) => {
        if (schemaRefusal(source) !== undefined) return;
        const schema = toPortableSchema(source, 'value');
        const [original, published] = [compile(source), compile(schema)];
        if (original === undefined || published === undefined) return;
        for (const value of tried.filter((one) => accepts(original, one))) {
          accepted++;
          if (!accepts(published, value)) throw new Error(refusal(value, schema, published));
        }
      }),
      { numRuns: 1_000, seed },
    );
    expect(accepted).toBeGreaterThan(500);
  });

  test('as arguments, but for those that only some alternatives name', () => {
    let accepted = 0;
    fc.assert(
      fc.property(schemas(false), fc.array(argumentValues, { minLength: 8, maxLength: 8 }), (source, tried) => {
        if (schemaRefusal(source) !== undefined) return;
        const optional = new Set<string>();
        collectAlternatives(source, source, false, optional, 0);
        const schema = withoutProperties(toPortableSchema(source, 'arguments'), optional);
        const [original, published] = [compile(source), compile(schema)];
        if (original === undefined || published === undefined) return;
        for (const value of tried.filter((one) => accepts(original, one))) {
          accepted++;
          if (!accepts(published, value)) throw new Error(refusal(value, schema, published));
        }
      }),
      { numRuns: 1_000, seed },
    );
    expect(accepted).toBeGreaterThan(500);
  });
});

function refusal(value: unknown, schema: unknown, { errors }: ValidateFunction): string {
  return `${JSON.stringify(value)} is refused: ${JSON.stringify(errors)}\nby ${JSON.stringify(schema)}`;
}

/** The names of properties in alternatives at the root, wherever those are reached from. */
function collectAlternatives(
  schema: unknown,
  root: JsonSchema,
  isIn: boolean,
  found: Set<string>,
  level: number,
): void {
  if (typeof schema !== 'object' || schema === null || level > 12) return;
  const node = schema as Readonly<Record<string, unknown>>;
  if (isIn) for (const name of Object.keys(node.properties ?? {})) found.add(name);
  for (const keyword of ['anyOf', 'oneOf', 'allOf'])
    for (const member of (node[keyword] ?? []) as unknown[])
      collectAlternatives(member, root, isIn || keyword !== 'allOf', found, level + 1);
  const target = typeof node.$ref === 'string' ? node.$ref : undefined;
  if (target === undefined && node.$dynamicRef === undefined) return;
  const { $defs, properties } = root as Record<string, Readonly<Record<string, unknown>>>;
  const targets = {
    ...$defs,
    root,
    a: properties?.a,
    own: ($defs?.inner as { $defs?: { own: unknown } } | undefined)?.$defs?.own,
  };
  // Whichever it is: more names are let off than need be.
  for (const one of Object.values(targets)) collectAlternatives(one, root, isIn, found, level + 4);
}

function withoutProperties(schema: object, names: ReadonlySet<string>): unknown {
  const { properties, ...rest } = schema as { properties: Readonly<Record<string, unknown>> };
  const kept = Object.entries(properties).map(([name, child]) => [name, names.has(name) ? {} : child]);
  return { ...rest, properties: Object.fromEntries(kept) };
}
