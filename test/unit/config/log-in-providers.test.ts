import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { authSchema } from '../../../src/config/auth-schema.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { authSecrets, hasAuthentication, resolveAuth } from '../../../src/config/resolve-auth.ts';

const provider = {
  issuer: 'https://id.example.org/realms/main',
  clientId: 'tools',
  clientSecret: 'secret-4711-canary',
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-in-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const resolve = (login: unknown, env: Record<string, string> = {}, more: object = {}) =>
  resolveAuth(authSchema.parse({ login, ...more }), readEnvironment(env));

describe('auth.login', () => {
  test('is one provider or a list, with defaults; it turns authentication on', () => {
    const one = resolve(provider);
    expect(one.logIn).toMatchObject([
      {
        ...provider,
        title: 'id.example.org',
        scopes: ['openid', 'profile', 'email'],
        granted: { defaults: ['call', 'vault'] },
      },
    ]);
    expect(resolve([provider]).logIn).toEqual(one.logIn);
    expect(hasAuthentication(one)).toBe(true);
    expect(authSecrets(one)).toContain('secret-4711-canary');
    expect(resolve(undefined).logIn).toEqual([]);
  });

  test('asks for openid whatever the scopes are', () => {
    expect(resolve({ ...provider, scopes: ['groups'], title: 'Us' }).logIn).toMatchObject([
      { scopes: ['openid', 'groups'], title: 'Us' },
    ]);
  });

  test('takes the secret from a variable or a file', () => {
    const file = join(folder, 'secret');
    writeFileSync(file, ' from-a-file-4711 \n');
    const { clientSecret: _, ...bare } = provider;
    const secretOf = (more: object, env = {}) => resolve({ ...bare, ...more }, env).logIn[0]?.clientSecret;
    expect(secretOf({ clientSecretFile: file })).toBe('from-a-file-4711');
    expect(secretOf({ clientSecret: `\${file:${file}}` })).toBe('from-a-file-4711');
    const env = { OIDC_SECRET: 'from-the-environment' };
    expect(secretOf({ clientSecret: '${env:OIDC_SECRET}' }, env)).toBe('from-the-environment');
    expect(secretOf({ clientSecret: '${OIDC_SECRET}' }, env)).toBe('from-the-environment');
    expect(secretOf({})).toBeUndefined();
  });

  test('reads claims and scopes as for the tokens of the same issuer, and of our own tokens never', () => {
    const issuers = [
      {
        issuer: provider.issuer,
        audience: 'x',
        claims: { groups: 'roles' },
        defaultScopes: ['vault'],
        scopes: { t: ['call'] },
      },
    ];
    expect(resolve(provider, {}, { issuers }).logIn[0]).toMatchObject({
      claims: { groups: 'roles' },
      granted: { defaults: ['vault'], byScope: new Map([['t', ['call']]]) },
    });
    const env = { JWT_SECRET: 'secret-of-the-unit-test-4b7e19c2f0', JWT_ISSUER: provider.issuer };
    expect(resolve(provider, env).logIn[0]?.granted).toMatchObject({ kind: 'mapped', defaults: ['call', 'vault'] });
  });

  test.each<[string, unknown, RegExp]>([
    ['an unknown key', { ...provider, clientID: 'x' }, /Unrecognized key: "clientID"|clientID/],
    ['plain HTTP', { ...provider, issuer: 'http://id.example.org' }, /https/],
    ['credentials in the URL', { ...provider, issuer: 'https://u:p@id.example.org' }, /https URL without credentials/],
    ['a query', { ...provider, issuer: 'https://id.example.org/?x=1' }, /without credentials/],
    ['no client', { issuer: provider.issuer }, /clientId|expected string/],
    ['an empty client', { ...provider, clientId: '' }, /is empty/],
    ['two secrets', { ...provider, clientSecretFile: '/x' }, /keep one/],
    ['scopes in one text', { ...provider, scopes: ['openid email'] }, /one scope, without spaces/],
    ['a missing file', { ...provider, clientSecret: '${file:/no/such/file}' }, /cannot be read: the file/],
    ['a missing variable', { ...provider, clientSecret: '${env:NO_SUCH}' }, /NO_SUCH, which is not set/],
    ['another placeholder', { ...provider, clientSecret: 'a${user.id}' }, /placeholder that is not understood/],
    ['the same client twice', [provider, provider], /named twice/],
    [
      'several, and one without a secret',
      [provider, { issuer: 'https://b.example', clientId: 'x' }],
      /several providers/,
    ],
  ])('is refused with %s', (_what, login, message) => {
    expect(() => resolve(login)).toThrow(message);
  });

  test('may be plain HTTP on this machine', () => {
    for (const host of ['127.0.0.1:8080', 'localhost', '[::1]:9000/realms/x']) {
      expect(resolve({ ...provider, issuer: `http://${host}` }).logIn).toHaveLength(1);
    }
  });
});
