import { describe, expect, test } from '@jest/globals';
import { findBySpelling } from '../../../src/servers/call-tool.ts';
import { toCatalogue } from '../../../src/servers/catalogue.ts';
import { collisionReasons } from '../../../src/servers/name-collisions.ts';

const composed = 'größe'.normalize('NFC');
const decomposed = 'größe'.normalize('NFD');
const nameCollisions = (names: readonly string[]) => {
  const tools = names.map((name) => ({ ownName: name, definition: { name } }));
  return [...collisionReasons(tools)].map(([{ ownName: name }, reason]) => ({ name, reason }));
};
const refused = (...names: string[]) => nameCollisions(names).map(({ name }) => name);

describe('name collisions', () => {
  test.each([
    ['a.b', 'a_b', 'operation id'],
    ['a_b', 'a b', 'operation id'],
    ['a b', 'a.b', 'operation id'],
    ['a/b', 'a+b', 'operation id'],
    ['a!', 'a\u2028', 'operation id'],
    ['a/b', 'a%2Fb', 'URL'],
    ['x', 'x/', 'URL'],
    ['/x', 'x', 'URL'],
    ['a//b', 'a/b', 'URL'],
    [composed, decomposed, 'URL'],
    ['%67et', 'get', 'URL'],
  ])('of %j and %j the later is refused with both names', (first, second, what) => {
    const reason = `it would have the same ${what} as ${JSON.stringify(first)}; disable one in "disabledTools", or rename it in "tools"`;
    expect(nameCollisions([first, second])).toEqual([{ name: second, reason }]);
  });

  test.each([
    ['a-b', 'a_b'],
    ['a', 'A'],
    ['查询', '删除'],
    ['日本', '__'],
    ['größe', 'gr__e'],
    ['per%cent', 'per%zz'],
    ['a/b', 'a/c'],
    ['__proto__', 'constructor'],
  ])('%j and %j live side by side', (first, second) => {
    expect(refused(first, second)).toEqual([]);
  });

  test('a refused name refuses no other', () => {
    expect(refused('a_b', 'a.b', 'a b', 'c')).toEqual(['a.b', 'a b']);
    expect(refused('x', 'x/', 'x_')).toEqual(['x/']);
  });

  test('a long name is cut in the reason', () => {
    const [collision] = nameCollisions([`${'x'.repeat(300)}.`, `${'x'.repeat(300)}_`]);
    expect(collision?.reason.length).toBeLessThan(200);
  });

  test('leave the catalogue, unless the admin disabled the other', () => {
    const tools = ['a.b', 'a_b'].map((name) => ({ name, inputSchema: { type: 'object' } }));
    const source = { serverInfo: { name: 's', version: '1' }, instructions: undefined, list: { tools, rejected: [] } };
    const catalogue = (...disabled: string[]) =>
      toCatalogue(source, { enabledTools: undefined, disabledTools: new Set(disabled) });
    expect([...catalogue().tools.keys()]).toEqual(['a.b']);
    expect(catalogue().rejected).toEqual([{ name: 'a_b', reason: expect.stringContaining('"a.b"') }]);
    expect([...catalogue('a.b').tools.keys()]).toEqual(['a_b']);
    expect(catalogue('a.b').rejected).toEqual([]);
  });
});

describe('spellings of a name', () => {
  const tools = new Map([composed, 'read file', 'a+b', 'cafe\u0301'].map((name) => [name, name]));

  test.each([
    [decomposed, composed],
    [composed, composed],
    ['caf\u00e9', 'cafe\u0301'],
    ['read+file', 'read file'],
    ['a+b', 'a+b'],
    ['a b', undefined],
    ['READ FILE', undefined],
    ['__proto__', undefined],
  ])('%j means %j', (spelling, name) => {
    expect(findBySpelling(tools, spelling)).toBe(name);
  });
});
