import { describe, expect, test } from '@jest/globals';
import { type NamedServer, toOperationIds } from '../../../src/openapi/operation-id.ts';
import { readCatalogues } from './corpus.ts';

const pattern = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

function servers(tools: Readonly<Record<string, readonly string[]>>): NamedServer[] {
  return Object.entries(tools).map(([name, names]) => ({ name, tools: names.map((tool) => ({ name: tool })) }));
}

function flatten(named: readonly NamedServer[]): string[] {
  const ids = toOperationIds(named, 'server', false);
  return named.flatMap((server) =>
    server.tools.map((tool) => `${server.name}|${tool.name}=${ids.get(server.name)?.get(tool.name)}`),
  );
}

const awkward = servers({
  time: ['current_time', 'current.time', 'current time', '', 'größe', 'x'.repeat(200), `${'x'.repeat(200)}y`],
  a: ['b_c', 'b', '__proto__', 'constructor'],
  a_b: ['c', 'c_d'],
  'a.b': ['c', 'x'],
  'a-b': ['c'],
  '.a.b': ['c'],
  '9lives': ['-', '1'],
});

describe('operation ids', () => {
  test('are the server and the tool', () => {
    const ids = toOperationIds(servers({ time: ['now'], 'my-server': ['do-it'] }), 'server', false);
    expect(ids.get('time')?.get('now')).toBe('time_now');
    expect(ids.get('my-server')?.get('do-it')).toBe('my-server_do-it');
  });

  test('are the tool alone in single-server mode', () => {
    expect(
      toOperationIds(servers({ time: ['now'] }), 'server', true)
        .get('time')
        ?.get('now'),
    ).toBe('now');
  });

  test.each(['server', 'mcpo', 'tool'] as const)('of the style %s match the pattern and are unique', (style) => {
    for (const named of [awkward, readCatalogues()]) {
      const ids = [...toOperationIds(named, style, false).values()].flatMap((ofServer) => [...ofServer.values()]);
      expect(ids.length).toBe(named.reduce((sum, server) => sum + server.tools.length, 0));
      expect(new Set(ids).size).toBe(ids.length);
      for (const id of ids) expect(id).toMatch(pattern);
    }
  });

  test('do not depend on any order', () => {
    const reversed = [...awkward].reverse().map(({ name, tools }) => ({ name, tools: [...tools].reverse() }));
    expect(flatten(reversed).sort()).toEqual(flatten(awkward).sort());
  });

  test('of one server do not change when the catalogue of another arrives', () => {
    const empty = awkward.map(({ name }) => ({ name, tools: [] }));
    for (const server of awkward) {
      const others = empty.filter(({ name }) => name !== server.name);
      const before = toOperationIds([...others, server], 'server', false).get(server.name);
      expect(before).toEqual(toOperationIds(awkward, 'server', false).get(server.name));
    }
  });

  test('an exact name keeps its id and the one that was cleaned gets a hash', () => {
    const ids = toOperationIds(servers({ s: ['a b', 'a_b'] }), 'server', false).get('s');
    expect(ids?.get('a_b')).toBe('s_a_b');
    expect(ids?.get('a b')).toMatch(/^s_a_b_[0-9a-f]{8}$/);
  });

  test('a tool that is named like the hashed id of another does not share it', () => {
    const hashed =
      toOperationIds(servers({ s: ['a b', 'a_b'] }), 'tool', false)
        .get('s')
        ?.get('a b') ?? '';
    const ids = toOperationIds(servers({ s: ['a b', 'a_b', hashed] }), 'tool', false).get('s');
    expect(ids?.get(hashed)).toBe(hashed);
    expect(ids?.get('a b')).not.toBe(hashed);
  });

  test("of the style mcpo are mcpo's", () => {
    const ids = toOperationIds(servers({ time: ['get_now', 'get-now.at'] }), 'mcpo', false).get('time');
    expect(ids?.get('get_now')).toBe('tool_get_now_post');
    expect(ids?.get('get-now.at')).toBe('tool_get_now_at_post');
  });
});
