import { describe, expect, test } from '@jest/globals';
import { toPrincipalId, type UserPrincipal } from '../../../src/auth/principal.ts';
import { parseScope } from '../../../src/auth/scope.ts';
import { Scopes } from '../../../src/auth/scopes.ts';

describe('scopes', () => {
  test.each<[readonly string[], string, boolean]>([
    [['call'], 'call', true],
    [['call'], 'call:a/b*', true],
    [['call'], 'vault', true],
    [['call'], 'docs', false],
    [['call', 'docs'], 'docs', true],
    [['call:a*'], 'call:a*', true],
    [['call:a*'], 'call:ab/*', true],
    [['call:a*'], 'call:*', false],
    [['call:a*'], 'call', false],
    [['call:a*b'], 'call:a*', false],
    [['call:a/x'], 'call:a', false],
    [['call:a'], 'vault', false],
    [['vault'], 'vault', true],
    [['vault'], 'call:a', false],
    [['admin'], 'admin', true],
    [['admin'], 'metrics', false],
    [['admin'], 'vault:admin', true],
    [['vault:admin'], 'vault:write:a', true],
    [['vault:admin'], 'admin', false],
    [['vault:write:a*'], 'vault:write:ab', true],
    [['vault:write:a*'], 'vault:write:*', false],
    [['vault'], 'vault:write:a', false],
  ])('%j cover %s: %j', (texts, text, isCovered) => {
    const scope = parseScope(text);
    expect(scope && new Scopes(texts).covers(scope)).toBe(isCovered);
    // Under a ceiling only what both cover is covered.
    expect(scope && new Scopes(['call', 'vault', 'docs', 'metrics', 'admin'], new Scopes(texts)).covers(scope)).toBe(
      isCovered,
    );
  });

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

  test.each(['', 'CALL', 'call:', 'call:/x', 'call:a/', 'openid', 'admin:x', 'vault:write', 'vault:write:', 'vault:x'])(
    '%j is none and grants nothing',
    (text) => {
      expect(parseScope(text)).toBeUndefined();
      expect(new Scopes([text]).allowsCall('a', 'x')).toBe(false);
    },
  );

  test.each<[string[], boolean[]]>([
    [['vault'], [true, true, true, true]],
    [['call'], [true, true, true, true]],
    [['call:a/x'], [true, false, false, true]],
    [['call:*/x'], [true, true, true, true]],
    [
      ['docs', 'metrics', 'admin', 'openid'],
      [false, false, false, false],
    ],
  ])('%j on own values for a, for b, for all, for any', (texts, expected) => {
    const scopes = new Scopes(texts);
    const { allowsAllOwnValues, allowsAnyOwnValues } = scopes;
    const found = [scopes.allowsOwnValues('a'), scopes.allowsOwnValues('b'), allowsAllOwnValues, allowsAnyOwnValues];
    expect(found).toEqual(expected);
    const kept = new Scopes(scopes.ownValueScopes);
    expect([kept.allowsOwnValues('a'), kept.allowsOwnValues('b')]).toEqual(expected.slice(0, 2));
  });

  test('under a ceiling only what both allow is allowed', () => {
    const user = new Scopes(['call', 'vault', 'admin']);
    const narrow = new Scopes(user.texts, new Scopes(['call:open/echo']));
    expect([narrow.allowsCall('open', 'echo'), narrow.allowsCall('open', 'text')]).toEqual([true, false]);
    expect([narrow.allows('admin'), narrow.allowsOwnValues('open'), narrow.allowsOwnValues('x')]).toEqual([
      false,
      true,
      false,
    ]);
    const both = new Scopes(['call:open/*_all'], new Scopes(['call:open/delete*']));
    expect(['delete_all', 'read_all', 'delete'].map((tool) => both.allowsCall('open', tool))).toEqual([
      true,
      false,
      false,
    ]);
    const thrice = new Scopes(['call'], new Scopes(['call:other'], both));
    expect([thrice.allowsCall('open', 'delete_all'), thrice.allowsCall('other', 'delete_all')]).toEqual([false, false]);
    expect(new Scopes(user.texts, new Scopes([])).allowsCall('open', 'echo')).toBe(false);
  });

  test.each<[string[], boolean[]]>([
    [['vault'], [true, false, false]],
    [['call:tracker/x'], [true, false, false]],
    [['vault:admin'], [false, true, true]],
    [['admin'], [false, true, true]],
    [['vault:write:tra*'], [true, true, false]],
    [
      ['vault:write:wiki', 'docs'],
      [false, false, false],
    ],
  ])('%j on setting own values, values of others, and administering the vault', (texts, expected) => {
    const scopes = new Scopes(texts);
    expect([
      scopes.allowsSettingOwnValues('tracker'),
      scopes.allowsSettingValuesOfOthers('tracker'),
      scopes.allowsVaultAdministration,
    ]).toEqual(expected);
    expect([scopes.allowsOwnValues('tracker'), scopes.allowsCall('tracker', 'x')]).toEqual(
      expected[1] ? [false, false] : [expected[0], texts[0] === 'call:tracker/x'],
    );
  });

  test('"vault:write" of a user and of the ceiling must both name the server', () => {
    const both = new Scopes(['vault:write:*'], new Scopes(['vault:write:wiki']));
    expect(['wiki', 'tracker'].map((server) => both.allowsSettingValuesOfOthers(server))).toEqual([true, false]);
    expect(new Scopes(['admin'], new Scopes(['vault:admin'])).allowsVaultAdministration).toBe(true);
    expect(new Scopes(['vault:admin'], new Scopes(['call'])).allowsVaultAdministration).toBe(false);
  });

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
    scopes: new Scopes([]),
    keyId: undefined,
  });
  expect(toPrincipalId(user('a:1', 'b'))).not.toBe(toPrincipalId(user('a', '1:b')));
});
