import { describe, expect, test } from '@jest/globals';
import type { SessionSettings } from '../../../src/mcp/session.ts';
import { toSessionKey } from '../../../src/servers/session-key.ts';

const settings: SessionSettings = { type: 'sse', url: 'http://host/', headers: { a: '1', b: '2' } };

const toOwner = ([issuer = '', subject = '', chatId]: readonly string[]) => ({ issuer, subject, chatId });

describe('session key', () => {
  test('is equal for equal parts, whatever the order of headers', () => {
    const reordered: SessionSettings = { ...settings, headers: { b: '2', a: '1' } };
    expect(toSessionKey('s', toOwner(['iss', 'sub']), settings)).toBe(
      toSessionKey('s', toOwner(['iss', 'sub']), reordered),
    );
  });

  test.each<[string, string[], string, string[]]>([
    ['a', ['b', 'c', 'd'], 'a', ['b', 'c:d']],
    ['a', ['b|c', ''], 'a', ['b', 'c']],
    ['a', ['1:b', 'c'], 'a1:1:b', ['c', '']],
    ['a', ['b', 'c'], 'a', ['b', 'c', '']],
    ['a', ['bc', 'd'], 'a', ['b', 'cd']],
    ['ab', ['c', 'd'], 'a', ['bc', 'd']],
  ])('of (%s, %j) differs from that of (%s, %j)', (server, owner, otherServer, otherOwner) => {
    expect(toSessionKey(server, toOwner(owner), settings)).not.toBe(
      toSessionKey(otherServer, toOwner(otherOwner), settings),
    );
  });

  test('differs when a value of the environment does, and does not hold the value', () => {
    const withToken = (token: string): SessionSettings => ({
      type: 'stdio',
      command: 'x',
      args: [],
      env: { TOKEN: token },
      cwd: undefined,
    });
    const key = toSessionKey('s', toOwner([]), withToken('canary-value'));
    expect(key).not.toBe(toSessionKey('s', toOwner([]), withToken('other')));
    expect(key).not.toContain('canary');
  });
});
