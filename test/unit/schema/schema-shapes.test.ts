import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { InvalidArgumentsError } from '../../../src/errors.ts';
import { ArgumentChecks } from '../../../src/schema/check/argument-check.ts';
import { schemaRefusal } from '../../../src/schema/normalize-schema.ts';
import { schemaShapeExamples } from '../../schema-shape-examples.ts';

interface Shape {
  readonly name: string;
  readonly inputSchema: Record<string, unknown>;
}

const file = new URL('../../fixtures/schema-shapes.json', import.meta.url);
const shapes = JSON.parse(readFileSync(file, 'utf8')) as Shape[];

describe.each(shapes.map(({ name, inputSchema }) => [name, inputSchema] as const))('%s', (name, inputSchema) => {
  const examples = schemaShapeExamples[name];
  if (examples === undefined) {
    test('is left out', () => {
      expect(schemaRefusal(inputSchema)).toBe(
        'its schema refers to "https://example.com/schema.json", and no $ref is fetched (at #/properties/x)',
      );
    });
    return;
  }
  const check = new ArgumentChecks().add(inputSchema);

  test('is served', () => {
    expect(schemaRefusal(inputSchema)).toBeUndefined();
  });

  test.each(examples.valid.map(([sent, arrives]) => [JSON.stringify(sent), sent, arrives ?? sent] as const))(
    'takes %s',
    (_name, sent, arrives) => {
      const args = structuredClone(sent) as Record<string, unknown>;
      check(args);
      expect(args).toEqual(arrives);
    },
  );

  if (examples.invalid.length === 0) return;
  test.each(examples.invalid.map((sent) => [JSON.stringify(sent), sent] as const))('refuses %s', (_name, sent) => {
    const args = structuredClone(sent) as Record<string, unknown>;
    expect(() => check(args)).toThrow(InvalidArgumentsError);
    expect(args).toEqual(sent);
  });
});
