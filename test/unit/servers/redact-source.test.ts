import { expect, test } from '@jest/globals';
import type { CatalogueSource } from '../../../src/servers/catalogue.ts';
import { redactSource } from '../../../src/servers/redact-source.ts';

const redact = (text: string) => text.replaceAll('object', '[redacted]').replaceAll('canary-1', '[redacted]');

function sourceOf(description: string, instructions = 'Use it.'): CatalogueSource {
  const inputSchema = {
    type: 'object',
    properties: { title: { type: 'string', description: `of ${description}`, enum: ['object'] } },
    default: { note: description },
  };
  return {
    serverInfo: { name: 'object', version: '1', title: description },
    instructions,
    list: { tools: [{ name: 'make', description, inputSchema }], rejected: [] },
  };
}

test("a user's values are taken out of texts, and nothing that has a meaning is changed", () => {
  const clean = redactSource(sourceOf('canary-1'), undefined, redact);
  expect(JSON.stringify(clean)).not.toContain('canary-1');
  expect(clean.list.tools[0]).toMatchObject({
    name: 'make',
    description: '[redacted]',
    inputSchema: { type: 'object', properties: { title: { type: 'string', enum: ['object'] } } },
  });
  expect(clean.serverInfo).toEqual({ name: 'object', version: '1', title: '[redacted]' });
});

test('a tool that is called like a value is left out: under another name it could not be called', () => {
  const { list, ...rest } = sourceOf('plain');
  const tools = [{ ...list.tools[0], name: 'of_canary-1', inputSchema: {} }];
  expect(redactSource({ ...rest, list: { tools, rejected: [] } }, undefined, redact).list.tools).toEqual([]);
});

test('what holds none of them stays the very same', () => {
  const source = sourceOf('plain');
  const clean = redactSource(source, undefined, redact);
  expect(clean.list.tools[0]).toBe(source.list.tools[0]);
  expect(clean.instructions).toBe('Use it.');
});

test('a value such as "object" blanks nothing that others have listed already', () => {
  const known = sourceOf('Makes an object.', 'Returns an object.');
  const clean = redactSource(sourceOf('Makes an object.', 'Returns an object.'), known, redact);
  expect(clean.list.tools).toEqual(known.list.tools);
  expect(clean.instructions).toBe('Returns an object.');
});
