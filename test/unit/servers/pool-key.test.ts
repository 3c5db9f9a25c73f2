import { describe, expect, test } from '@jest/globals';
import type { SessionSettings } from '../../../src/mcp/session.ts';
import { toPoolKey } from '../../../src/servers/pool-key.ts';

const settings: SessionSettings = { type: 'sse', url: 'http://host/', headers: { a: '1', b: '2' } };

describe('pool key', () => {
  test('is equal for equal parts, whatever the order of headers', () => {
    const reordered: SessionSettings = { ...settings, headers: { b: '2', a: '1' } };
    expect(toPoolKey('s', ['iss', 'sub'], settings)).toBe(toPoolKey('s', ['iss', 'sub'], reordered));
  });

  test.each<[string, string[], string, string[]]>([
    ['a', ['b', 'c'], 'a', ['b:c']],
    ['a', ['b|c', ''], 'a', ['b', 'c']],
    ['a', ['1:b'], 'a1:1:b', []],
    ['a', [], 'a', ['']],
    ['ab', ['c'], 'a', ['bc']],
  ])('of (%s, %j) differs from that of (%s, %j)', (server, owner, otherServer, otherOwner) => {
    expect(toPoolKey(server, owner, settings)).not.toBe(toPoolKey(otherServer, otherOwner, settings));
  });

  test('differs when a value of the environment does, and does not hold the value', () => {
    const withToken = (token: string): SessionSettings => ({
      type: 'stdio',
      command: 'x',
      args: [],
      env: { TOKEN: token },
      cwd: undefined,
    });
    const key = toPoolKey('s', [], withToken('canary-value'));
    expect(key).not.toBe(toPoolKey('s', [], withToken('other')));
    expect(key).not.toContain('canary');
  });
});
