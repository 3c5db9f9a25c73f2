import { expect, test } from '@jest/globals';
import { toCatalogue } from '../../../src/servers/catalogue.ts';
import { toToolChanges } from '../../../src/servers/catalogue-differences.ts';

const tool = (name: string, description = '') => ({
  name,
  description,
  inputSchema: { type: 'object', properties: {} },
});

function listing(...tools: ReturnType<typeof tool>[]) {
  const source = { serverInfo: { name: 's', version: '1' }, instructions: undefined, list: { tools, rejected: [] } };
  return toCatalogue(source, { disabledTools: new Set(), enabledTools: undefined });
}

test('names what was added, removed and changed', () => {
  const before = listing(tool('a'), tool('b'), tool('c'));
  const after = listing(tool('b', 'now it deletes'), tool('c'), tool('__proto__'));
  expect(toToolChanges(before, after)).toEqual({ added: ['__proto__'], removed: ['a'], changed: ['b'] });
});

test('the order of tools and keys is no change', () => {
  const reordered = { inputSchema: { properties: {}, type: 'object' }, description: '', name: 'a' };
  expect(toToolChanges(listing(tool('a'), tool('b')), listing(tool('b'), reordered))).toEqual({});
});

test('names twenty of each kind at most', () => {
  const many = Array.from({ length: 50 }, (_, index) => tool(`t${index}`));
  expect(toToolChanges(undefined, listing(...many)).added).toHaveLength(20);
});
