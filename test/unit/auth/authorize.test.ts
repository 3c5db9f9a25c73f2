import { describe, expect, test } from '@jest/globals';
import type { AccessList } from '../../../src/auth/access-list.ts';
import { requireCall, requireScope, type ServerAccess } from '../../../src/auth/authorize.ts';
import { ANONYMOUS, type Principal, type UserPrincipal } from '../../../src/auth/principal.ts';
import { Scopes } from '../../../src/auth/scopes.ts';
import { ForbiddenError } from '../../../src/errors.ts';

const user = (rest: Partial<UserPrincipal> = {}): UserPrincipal => ({
  kind: 'user',
  issuer: 'open-webui',
  subject: 'u1',
  email: 'a@b.c',
  name: undefined,
  role: 'user',
  groups: ['staff'],
  scopes: new Scopes(['call']),
  keyId: 'owui',
  chatId: undefined,
  token: undefined,
  ...rest,
});
const key: Principal = { kind: 'api-key', keyId: 'ci', scopes: new Scopes(['call', 'admin']) };
const list = (rest: AccessList = {}): AccessList => rest;

describe('scopes', () => {
  test('a call outside of them names the scope that is missing', () => {
    const reader: Principal = { kind: 'api-key', keyId: 'r', scopes: new Scopes(['call:fs/read_*']) };
    expect(() => requireCall(reader, 'fs', 'read_file', undefined)).not.toThrow();
    expect(() => requireCall(reader, 'fs', 'write_file', undefined)).toThrow(
      new ForbiddenError('The key or token lacks the scope "call:fs/write_file".'),
    );
  });

  test('docs, metrics and admin are asked for by name', () => {
    expect(() => requireScope(key, 'admin')).not.toThrow();
    expect(() => requireScope(key, 'metrics')).toThrow('The key or token lacks the scope "metrics".');
    expect(() => requireScope(ANONYMOUS, 'metrics')).not.toThrow();
  });
});

describe('access', () => {
  const passes = (principal: Principal, access: ServerAccess | undefined, tool = 'read') => {
    try {
      requireCall(principal, 'fs', tool, access);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(ForbiddenError);
      return false;
    }
  };

  test.each<[string, Principal, ServerAccess | undefined, boolean]>([
    ['none', user(), undefined, true],
    ['none, a key', key, undefined, true],
    ['none, anonymous', ANONYMOUS, undefined, true],
    ['no lists', user(), list(), true],
    ['no lists, a key', key, list(), true],
    ['an empty list of users', user(), list({ users: [] }), false],
    ['an empty list of roles', user(), list({ roles: [] }), false],
    ['an empty list of groups, a key', key, list({ groups: [] }), false],
    ['an empty list beside one with him', user(), list({ users: [], roles: ['user'] }), true],
    ['his role', user(), list({ roles: ['admin', 'user'] }), true],
    ['another role', user(), list({ roles: ['admin'] }), false],
    ['no role known', user({ role: undefined }), list({ roles: ['admin'] }), false],
    ['his group', user(), list({ groups: ['staff'] }), true],
    ['another group', user(), list({ groups: ['x'] }), false],
    ['his id', user(), list({ users: ['u2', 'u1'] }), true],
    ['his id with issuer', user(), list({ users: ['open-webui:u1'] }), true],
    ['the end of his id', user(), list({ users: ['1'] }), false],
    ['an id that ends like his', user(), list({ users: ['xu1'] }), false],
    ['his e-mail, which he can change', user(), list({ users: ['a@b.c'] }), false],
    ['his id at another issuer', user({ issuer: 'https://id.example.org' }), list({ users: ['u1'] }), false],
    [
      'a user of that issuer',
      user({ issuer: 'https://id.example.org:8443/realms/x', subject: 'f:1:u' }),
      list({ users: ['https://id.example.org:8443/realms/x:f:1:u'] }),
      true,
    ],
    [
      'a subject that looks like an issuer and a subject',
      user({ issuer: 'https://id.example.org', subject: '8443/realms/x:u' }),
      list({ users: ['https://id.example.org:8443/realms/x:u'] }),
      false,
    ],
    [
      'a user of an issuer with a name of its own kind',
      user({ issuer: 'urn:example:id', subject: 'u' }),
      list({ users: ['urn:example:id:u'] }),
      true,
    ],
    ['any list suffices', user(), list({ roles: ['admin'], groups: ['staff'] }), true],
    ['any list, a key with every scope', key, list({ roles: ['admin'] }), false],
    ['any list, anonymous', ANONYMOUS, list({ users: ['u1'] }), false],
  ])('%s', (_, principal, access, expected) => {
    expect(passes(principal, access)).toBe(expected);
  });

  test('a tool may be for fewer, and no tool for more', () => {
    const access: ServerAccess = {
      ...list({ roles: ['user'] }),
      tools: new Map([
        ['write_*', list({ groups: ['editors'] })],
        ['*_all', list({ roles: ['admin'] })],
      ]),
    };
    const editor = user({ groups: ['editors'] });
    expect(['read', 'write_x', 'write_all'].map((tool) => passes(user(), access, tool))).toEqual([true, false, false]);
    expect(['read', 'write_x', 'write_all'].map((tool) => passes(editor, access, tool))).toEqual([true, true, false]);
    expect(passes(user({ role: 'admin', groups: ['editors'] }), access, 'write_x')).toBe(false);
  });

  test('only the tool that is for some is closed to a key', () => {
    const access = { ...list(), tools: new Map([['write', list({ roles: ['user'] })]]) };
    expect([passes(key, access, 'read'), passes(key, access, 'write')]).toEqual([true, false]);
  });

  test('does not replace the scope', () => {
    expect(passes(user({ scopes: new Scopes(['call:time']) }), list({ roles: ['user'] }))).toBe(false);
  });

  test('patterns take no time, whatever they hold', () => {
    const access = { ...list(), tools: new Map([[`${'*a'.repeat(200)}*b`, list({ roles: ['x'] })]]) };
    expect(passes(user(), access, 'a'.repeat(5_000))).toBe(true);
  });
});
