import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { authSchema } from '../../../src/config/auth-schema.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { authSecrets, hasAuthentication, resolveAuth } from '../../../src/config/resolve-auth.ts';
import { ConfigError } from '../../../src/errors.ts';

const secret = 'secret-of-the-unit-test-4b7e19c2f0';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'auth-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const resolve = (env: Record<string, string>, file: unknown = {}) =>
  resolveAuth(authSchema.parse(file), readEnvironment(env));

function problemsOf(env: Record<string, string>, file: unknown = {}): string {
  try {
    resolve(env, file);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

describe('tokens by variables', () => {
  test('JWT_SECRET: own tokens, signed with HS256 unless said otherwise', () => {
    expect(resolve({ JWT_SECRET: secret }).issuers).toMatchObject([
      { issuer: undefined, audiences: [], algorithms: ['HS256'], keySource: { kind: 'secret', secret } },
    ]);
    const env = { JWT_SECRET: secret, JWT_ALGORITHM: 'HS384, HS512', JWT_ISSUER: 'me', JWT_AUDIENCE: 'a,b' };
    expect(resolve(env).issuers).toMatchObject([
      { issuer: 'me', audiences: ['a', 'b'], algorithms: ['HS384', 'HS512'] },
    ]);
  });

  test('JWT_ISSUER alone: its key set by discovery, never a shared secret', () => {
    const [issuer] = resolve({ JWT_ISSUER: 'https://id.example.org', JWT_AUDIENCE: 'tools' }).issuers;
    expect(issuer).toMatchObject({ issuer: 'https://id.example.org', keySource: { kind: 'discovery' } });
    expect(issuer?.algorithms.some((algorithm) => algorithm.startsWith('HS'))).toBe(false);
  });

  test('any audience, on purpose', () => {
    expect(resolve({ JWT_ISSUER: 'https://id.example.org', JWT_AUDIENCE: '*' }).issuers[0]?.audiences).toEqual([]);
    const issuers = [{ issuer: 'https://id', audience: '*', scopes: { tools: ['call'] }, defaultScopes: ['docs'] }];
    expect(resolve({}, { issuers }).issuers[0]).toMatchObject({
      audiences: [],
      scopes: { kind: 'mapped', defaults: ['docs'], byScope: new Map([['tools', ['call']]]) },
    });
  });

  test.each<[Record<string, string>, RegExp]>([
    [{ JWT_SECRET: secret, JWT_ALGORITHM: 'RS256' }, /JWT_ALGORITHM.*HS256/],
    [{ JWT_SECRET: secret, JWT_ALGORITHM: 'none' }, /JWT_ALGORITHM.*one of/],
    [{ JWT_ISSUER: 'https://id.example.org', JWT_ALGORITHM: 'HS256' }, /JWT_ALGORITHM/],
    [{ JWT_ISSUER: 'not a url' }, /JWT_ISSUER.*URL/],
    [{ JWT_AUDIENCE: 'tools' }, /JWT_AUDIENCE.*JWT_SECRET/],
    [{ JWT_ISSUER: 'https://id.example.org' }, /JWT_AUDIENCE.*must be set/],
    [{ JWT_PUBLIC_KEY: 'pem' }, /JWT_AUDIENCE.*must be set/],
    [{ JWT_ISSUER: 'https://id.example.org', JWT_AUDIENCE: 'a,*' }, /JWT_AUDIENCE.*beside/],
    [{ JWT_SECRET: secret, JWT_ISSUER: 'open-webui' }, /JWT_ISSUER.*Open WebUI/],
    [{ MCPO_OPENWEBUI_SECRET_KEY: secret }, /MCPO_OPENWEBUI_SECRET_KEY.*MCPO_OPENWEBUI_URL/],
    [{ MCPO_TRUST_USER_HEADERS: 'maybe' }, /MCPO_TRUST_USER_HEADERS.*true or false/],
    [{ JWT_SECRET: secret, JWT_SECRET_FILE: '/x' }, /JWT_SECRET_FILE.*beside/],
    [{ MCPO_OPENWEBUI_SECRET_KEY_FILE: '/nowhere/at/all' }, /MCPO_OPENWEBUI_SECRET_KEY_FILE/],
  ])('%j is a clear error', (env, message) => {
    expect(problemsOf(env)).toMatch(message);
  });

  test('a secret may stand in a file', () => {
    const file = join(folder, 'secret');
    writeFileSync(file, `${secret}\n`);
    expect(authSecrets(resolve({ JWT_SECRET_FILE: file }))).toEqual([secret]);
  });
});

describe('auth of the servers file', () => {
  const hash = 'a'.repeat(64);

  test('keys, issuers and what roles and groups add', () => {
    const settings = resolve(
      {},
      {
        keys: [
          { id: 'ci', hash: hash.toUpperCase(), scopes: ['call:time'], user: 'u1', expires: '2030-01-01T00:00:00Z' },
        ],
        issuers: [
          { issuer: 'https://id', audience: 'x', jwksUri: 'https://id/keys', claims: { groups: 'realm.groups' } },
        ],
        groups: { admins: ['admin'] },
      },
    );
    expect(settings.keys).toMatchObject([
      { id: 'ci', hash, scopes: ['call:time'], user: { issuer: 'open-webui', subject: 'u1' }, assertsUser: false },
    ]);
    expect(settings.issuers[0]).toMatchObject({
      keySource: { kind: 'key-set', uri: 'https://id/keys' },
      claims: { subject: 'sub', groups: 'realm.groups' },
    });
    expect(settings.scopesByGroup.get('admins')).toEqual(['admin']);
  });

  test.each([
    { keys: [{ id: 'ci', hash: 'plain-key' }] },
    { keys: [{ id: 'ci', hash, scope: ['call'] }] },
    { issuers: [{ issuer: 'https://id', audience: 'x', secret: 's', jwksUri: 'https://id/keys' }] },
    { issuers: [{ issuer: 'https://id', audience: 'x', algorithms: ['none'] }] },
    { issuers: [{ issuer: 'https://id' }] },
    { issuers: [{ issuer: 'https://id', audience: [] }] },
    { issuers: [{ issuer: 'https://id', audience: ['x', '*'] }] },
    { openWebUi: { headers: { userId: 'X User' } } },
    { issuer: [] },
  ])('%j is refused', (file) => {
    expect(authSchema.safeParse(file).success).toBe(false);
  });

  test('an algorithm that the key cannot check is refused: no public key is ever a shared secret', () => {
    const issuers = [{ issuer: 'https://id', audience: 'x', publicKey: 'pem', algorithms: ['HS256'] }];
    expect(problemsOf({}, { issuers })).toMatch(/https:\/\/id.*RS256/);
  });

  test('a public key file that is not there is named', () => {
    expect(
      problemsOf({}, { issuers: [{ issuer: 'i', audience: 'x', publicKeyFile: join(folder, 'none.pem') }] }),
    ).toContain('none.pem');
  });
});

test('anything that can be presented counts as authentication', () => {
  expect(hasAuthentication(resolve({}))).toBe(false);
  expect(hasAuthentication(resolve({ MCPO_OPENWEBUI_USER_JWT_SECRET: secret, MCPO_TRUST_USER_HEADERS: 'true' }))).toBe(
    false,
  );
  expect(hasAuthentication(resolve({ JWT_SECRET: secret }))).toBe(true);
  expect(hasAuthentication(resolve({ MCPO_OPENWEBUI_URL: 'https://chat.example.org' }))).toBe(true);
});
