import { describe, expect, test } from '@jest/globals';
import { isIdentifier, readClaim, toUserPrincipal } from '../../../src/auth/claims.ts';
import { DEFAULT_CLAIMS } from '../../../src/config/auth-schema.ts';

const rules = {
  claims: DEFAULT_CLAIMS,
  scopes: { kind: 'own' } as const,
  scopesByRole: new Map([['boss', ['admin']]]),
  scopesByGroup: new Map([
    ['operators', ['metrics', 'docs']],
    ['admins', ['admin']],
  ]),
};

describe('who a token is about', () => {
  test('every claim has its place', () => {
    const { scopes, ...principal } = toUserPrincipal(
      { iss: 'https://id.example', sub: 'u1', email: 'a@b.c', name: 'Ada', role: 'user', groups: ['x', 'y'] },
      rules,
    );
    expect(principal).toEqual({
      kind: 'user',
      issuer: 'https://id.example',
      subject: 'u1',
      email: 'a@b.c',
      name: 'Ada',
      role: 'user',
      groups: ['x', 'y'],
      keyId: undefined,
      chatId: undefined,
      token: undefined,
    });
    expect(scopes.texts).toEqual(['call', 'vault']);
  });

  test('a token without issuer is one of our own', () => {
    expect(toUserPrincipal({ sub: 'u1' }, rules).issuer).toBe('mcpo-ts');
  });

  test('names of claims and dotted paths are taken from the settings', () => {
    const claims = {
      ...DEFAULT_CLAIMS,
      subject: 'user.id',
      role: 'https://example.com/role',
      groups: 'realm_access.roles',
      scope: 'scp',
    };
    const principal = toUserPrincipal(
      {
        sub: 'other',
        user: { id: 'u1' },
        'https://example.com/role': 'boss',
        realm_access: { roles: ['operators'] },
        scp: ['call:time/*'],
      },
      { ...rules, claims },
    );
    expect(principal).toMatchObject({ subject: 'u1', role: 'boss', groups: ['operators'] });
    expect(principal.scopes.texts).toEqual(['call:time/*', 'admin', 'metrics', 'docs']);
  });

  test.each([
    [undefined, ['call', 'vault']],
    ['call:time docs', ['call:time', 'docs']],
    ['  docs   docs ', ['docs']],
    [
      ['docs', 7, null, 'metrics'],
      ['docs', 'metrics'],
    ],
    ['', []],
    [[], []],
    [null, []],
    [7, []],
    [{ call: true }, []],
  ])('scope %j gives %j', (scope, expected) => {
    expect(toUserPrincipal({ sub: 'u1', scope }, rules).scopes.texts).toEqual(expected);
  });

  test('roles and groups add scopes to those of the token', () => {
    const { scopes } = toUserPrincipal({ sub: 'u1', scope: 'call', role: 'boss', groups: 'operators none' }, rules);
    expect(scopes.texts).toEqual(['call', 'admin', 'metrics', 'docs']);
  });

  test("another issuer's scopes grant what they are mapped to, beside the defaults", () => {
    const scopes = {
      kind: 'mapped',
      defaults: ['call', 'vault'],
      byScope: new Map([
        ['mcpo-admin', ['admin', 'docs']],
        ['call', ['metrics']],
      ]),
    } as const;
    const grantedBy = (scope: unknown) => toUserPrincipal({ sub: 'u1', scope }, { ...rules, scopes }).scopes.texts;
    expect(grantedBy(undefined)).toEqual(['call', 'vault']);
    expect(grantedBy('openid profile email')).toEqual(['call', 'vault']);
    expect(grantedBy('admin docs metrics call:x')).toEqual(['call', 'vault']);
    expect(grantedBy(['email', 'mcpo-admin'])).toEqual(['call', 'vault', 'admin', 'docs']);
    expect(grantedBy('call')).toEqual(['call', 'vault', 'metrics']);
    const none = { ...scopes, defaults: [] };
    expect(toUserPrincipal({ sub: 'u1', scope: 'call vault' }, { ...rules, scopes: none }).scopes.texts).toEqual([
      'metrics',
    ]);
  });

  test('what is no usable text is left out', () => {
    const principal = toUserPrincipal(
      { sub: 'u1', email: ['a@b.c'], name: 'Ada\r\nX: 1', role: { boss: true }, groups: { admins: true } },
      rules,
    );
    expect(principal).toMatchObject({ email: undefined, name: undefined, role: undefined, groups: [] });
    expect(principal.scopes.texts).toEqual(['call', 'vault']);
  });

  test.each([[undefined], [null], [''], [7], [['u1']], [{}], ['a\u0000'], ['a\u0085'], ['a\ud800'], ['a'.repeat(256)]])(
    'subject %j is refused',
    (sub) => {
      expect(isIdentifier(sub)).toBe(false);
      expect(() => toUserPrincipal({ sub }, rules)).toThrow('The token is not valid.');
    },
  );

  test.each([['a'.repeat(255)], ['Ünïcødé 😀'], ['a|b'], ['__proto__']])('subject %j is taken', (sub) => {
    expect(toUserPrincipal({ sub }, rules).subject).toBe(sub);
  });
});

describe('the way to a claim', () => {
  const claims = JSON.parse('{"a":{"b":{"c":1}},"a.b":{"d":2},"__proto__":{"role":"boss"},"list":["x"]}');
  test.each([
    ['a.b.c', 1],
    ['a.b.d', 2],
    ['a.b', { d: 2 }],
    ['a.x', undefined],
    ['a.b.c.d', undefined],
    ['constructor', undefined],
    ['constructor.name', undefined],
    ['a.__proto__', undefined],
    ['role', undefined],
    ['', undefined],
    ['.', undefined],
  ])('%s', (path, expected) => {
    expect(readClaim(claims, path)).toEqual(expected);
  });
});
