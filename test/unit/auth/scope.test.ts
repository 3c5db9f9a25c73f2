import { describe, expect, test } from '@jest/globals';
import { toPrincipalId, type UserPrincipal } from '../../../src/auth/principal.ts';
import { parseScope, Scopes } from '../../../src/auth/scope.ts';

describe('scopes', () => {
  test.each<[string, string, string, boolean]>([
    ['call', 'time', 'now', true],
    ['call:time', 'time', 'now', true],
    ['call:time', 'times', 'now', false],
    ['call:fs/read_*', 'fs', 'read_file', true],
    ['call:fs/read_*', 'fs', 'write_file', false],
    ['call:fs/read_*', 'xfs', 'read_file', false],
    ['call:*/get', 'any', 'get', true],
    ['call:a/b/c', 'a', 'b/c', true],
    ['call:a.c', 'abc', 'x', false],
    ['call:a/x*', 'a', 'x\ny', true],
    ['docs', 'time', 'now', false],
    ['admin', 'time', 'now', false],
  ])('%s on %s/%s: %s', (scope, server, tool, isAllowed) => {
    expect(new Scopes([scope]).allowsCall(server, tool)).toBe(isAllowed);
  });

  test.each(['', 'CALL', 'call:', 'call:/x', 'call:a/', 'openid', 'admin:x'])(
    '%j is none and grants nothing',
    (text) => {
      expect(parseScope(text)).toBeUndefined();
      expect(new Scopes([text]).allowsCall('a', 'x')).toBe(false);
    },
  );

  test('allow what any of them allows', () => {
    const scopes = new Scopes(['call:time', 'metrics']);
    expect([scopes.allows('metrics'), scopes.allows('docs'), scopes.allowsCall('time', 'x')]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

test('no two principals share an id', () => {
  const user = (issuer: string, subject: string): UserPrincipal => ({
    kind: 'user',
    issuer,
    subject,
    email: undefined,
    name: undefined,
    role: undefined,
    groups: [],
    scopes: Scopes.NONE,
    keyId: undefined,
    chatId: undefined,
    token: undefined,
  });
  expect(toPrincipalId(user('a:1', 'b'))).not.toBe(toPrincipalId(user('a', '1:b')));
});
