import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { authSchema } from '../../../src/config/auth-schema.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { resolveAuth } from '../../../src/config/resolve-auth.ts';
import { ConfigError } from '../../../src/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-'));
const keyFile = join(folder, 'key');
const emptyFile = join(folder, 'empty');
writeFileSync(keyFile, 'from-file\n');
writeFileSync(emptyFile, ' \n');
afterAll(() => rmSync(folder, { recursive: true }));

describe('the API key', () => {
  test.each([
    [{}, undefined],
    [{ API_KEY: 'a' }, 'a'],
    [{ MCPO_API_KEY: 'm', API_KEY: 'a' }, 'm'],
    [{ MCPO_API_KEY: '', API_KEY: 'a' }, 'a'],
    [{ MCPO_API_KEY: ' ', API_KEY: '' }, undefined],
    [{ MCPO_API_KEY_FILE: keyFile }, 'from-file'],
    [{ MCPO_API_KEY_FILE: keyFile, API_KEY: 'a' }, 'from-file'],
    [{ MCPO_API_KEY_FILE: keyFile, MCPO_API_KEY: '' }, 'from-file'],
  ])('%j', (env, expected) => {
    const auth = resolveAuth(authSchema.parse({}), readEnvironment(env), { allowWeakSecrets: true });
    expect(auth.apiKey).toBe(expected);
  });

  test.each([
    [
      { MCPO_API_KEY: 'm', MCPO_API_KEY_FILE: keyFile },
      'key "MCPO_API_KEY_FILE": is set beside MCPO_API_KEY; keep one of them.',
    ],
    [{ MCPO_API_KEY_FILE: `${keyFile}x` }, `key "MCPO_API_KEY_FILE": the file "${keyFile}x" does not exist.`],
    [{ MCPO_API_KEY_FILE: folder }, `key "MCPO_API_KEY_FILE": the file "${folder}" is a folder.`],
    [{ MCPO_API_KEY_FILE: emptyFile }, `key "MCPO_API_KEY_FILE": the file "${emptyFile}" is empty.`],
  ])('is refused: %j', (env, message) => {
    expect(() => readEnvironment(env)).toThrow(ConfigError);
    expect(() => readEnvironment(env)).toThrow(message);
  });
});

test('the rest', () => {
  const environment = readEnvironment({
    MCPO_PUBLIC_URL: 'https://tools.example.org/x/',
    LOG_LEVEL: 'WARNING',
    LOG_FORMAT: 'JSON',
    OTHER: 'o',
    __proto__: 'p',
  });
  expect(environment.values).toEqual({
    MCPO_PUBLIC_URL: 'https://tools.example.org/x',
    LOG_LEVEL: 'warn',
    LOG_FORMAT: 'json',
  });
  expect(environment.variables.get('OTHER')).toBe('o');
});

test('an empty variable counts as unset', () => {
  const names = 'MCPO_PUBLIC_URL LOG_LEVEL LOG_FORMAT JWT_ALGORITHM JWT_AUDIENCE MCPO_TRUST_PROXY MCPO_RATE_LIMIT';
  const others = 'MCPO_MAX_SESSIONS MCPO_TRUST_USER_HEADERS MCPO_RUN_AS MCPO_RUN_AS_UIDS MCPO_ALLOWED_HOSTS';
  for (const empty of ['', ' ']) {
    const env = Object.fromEntries(`${names} ${others}`.split(' ').map((name) => [name, empty]));
    expect(readEnvironment(env).values).toEqual({});
  }
});

test('every variable that cannot be used is reported', () => {
  const env = { MCPO_PUBLIC_URL: 'tools.example.org', LOG_LEVEL: 'loud', LOG_FORMAT: 'xml' };
  expect(() => readEnvironment(env)).toThrow(
    [
      'key "MCPO_PUBLIC_URL": must be an http or https URL such as https://tools.example.org, without credentials, "?" and "#".',
      'key "LOG_LEVEL": must be one of error, warn, info, debug.',
      'key "LOG_FORMAT": must be json or pretty.',
    ].join('\n'),
  );
});

describe('the vault and its database', () => {
  test('are read, and nothing is said of them where they are not set', () => {
    const databaseUrl = 'postgresql://mcpo:pass@db:5432/mcpo?sslmode=require';
    const env = {
      MCPO_VAULT_KEY: 'a,b',
      MCPO_VAULT_LAST_FOUR: 'true',
      MCPO_MAX_SESSIONS: '10',
      MCPO_MAX_SESSIONS_PER_USER: '2',
      MCPO_DATABASE_URL: databaseUrl,
    };
    expect(readEnvironment(env)).toMatchObject({
      database: { databaseUrl },
      values: {
        MCPO_VAULT_KEY: 'a,b',
        MCPO_VAULT_LAST_FOUR: true,
        MCPO_MAX_SESSIONS: 10,
        MCPO_MAX_SESSIONS_PER_USER: 2,
      },
    });
    const fromFile = readEnvironment({ MCPO_VAULT_LAST_FOUR: '', MCPO_VAULT_KEY_FILE: '/k' });
    expect(fromFile.values).toEqual({ MCPO_VAULT_KEY_FILE: '/k' });
    expect(fromFile.database.databaseUrl).toBeUndefined();
  });

  test.each([
    ['MCPO_DATABASE_URL', 'mysql://root:pass-word@db/x', 'must be the URL of a PostgreSQL database'],
    ['MCPO_DATABASE_URL', 'postgres://:pass-word@', 'must be the URL of a PostgreSQL database'],
    ['MCPO_REDIS_URL', 'http://:pass-word@cache', 'must be the URL of a Redis server'],
    ['MCPO_REDIS_URL', 'redis://:pass-word@', 'must be the URL of a Redis server'],
    ['MCPO_REDIS_URL', 'redis://:pass-word@cache/name', 'must be the URL of a Redis server'],
    ['MCPO_REDIS_URL', 'redis://:pass-word%zz@cache', 'must be the URL of a Redis server'],
    ['MCPO_REDIS_URL', 'redis://:pass-word?@cache', 'must be the URL of a Redis server'],
    ['MCPO_MAX_SESSIONS', '0', 'must be a whole number'],
    ['MCPO_MAX_SESSIONS_PER_USER', 'many', 'must be a whole number'],
    ['MCPO_VAULT_LAST_FOUR', 'perhaps', 'must be true or false'],
  ])('%s=%s is refused without being repeated', (name, value, message) => {
    expect(() => readEnvironment({ [name]: value })).toThrow(`key "${name}": ${message}`);
    expect(() => readEnvironment({ [name]: value })).not.toThrow('pass-word');
  });
});

test.each(['redis://127.0.0.1', 'rediss://user:p%40ss@cache.example.org:6380/3', 'redis://[::1]:6379/'])(
  'the Redis %s is taken, also from a file',
  (url) => {
    expect(readEnvironment({ MCPO_REDIS_URL: url }).secrets.MCPO_REDIS_URL).toBe(url);
    const file = join(folder, 'redis');
    writeFileSync(file, `${url}\n`);
    expect(readEnvironment({ MCPO_REDIS_URL_FILE: file, MCPO_REDIS_URL: '' }).secrets.MCPO_REDIS_URL).toBe(url);
    expect(readEnvironment({ MCPO_REDIS_URL: '' }).secrets.MCPO_REDIS_URL).toBeUndefined();
  },
);

test('the URLs of the database and of Redis are both reported when neither can be used', () => {
  const env = { MCPO_DATABASE_URL: 'x', MCPO_REDIS_URL: 'y' };
  expect(() => readEnvironment(env)).toThrow(/MCPO_DATABASE_URL.*\n.*MCPO_REDIS_URL/);
});
