import { expect, test } from '@jest/globals';
import { toToolChanges } from '../../../src/servers/catalogue-differences.ts';

const tool = (name: string, description = '') => ({
  name,
  description,
  inputSchema: { type: 'object', properties: {} },
});

test('names what was added, removed and changed', () => {
  const before = [tool('a'), tool('b'), tool('c')];
  const after = [tool('b', 'now it deletes'), tool('c'), tool('__proto__')];
  expect(toToolChanges(before, after)).toEqual({ added: ['__proto__'], removed: ['a'], changed: ['b'] });
});

test('the order of tools and keys is no change', () => {
  const reordered = { inputSchema: { properties: {}, type: 'object' }, description: '', name: 'a' };
  expect(toToolChanges([tool('a'), tool('b')], [tool('b'), reordered])).toEqual({});
});

test('names twenty of each kind at most', () => {
  const many = Array.from({ length: 50 }, (_, index) => tool(`t${index}`));
  expect(toToolChanges([], many).added).toHaveLength(20);
});
