import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hashApiKey } from '../../../src/auth/api-key.ts';
import { createKey, type KeyOptions, listKeys, revokeKey } from '../../../src/cli/key.ts';
import { authSchema } from '../../../src/config/auth-schema.ts';
import { ApiKeys } from '../../../src/db/api-keys.ts';
import { openDatabase } from '../../../src/db/open-database.ts';
import { UsageError } from '../../../src/errors.ts';

const now = Date.parse('2030-01-01T00:00:00Z');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'key-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const database = () => ({ dataDir: join(folder, 'data') });
const create = (rest: Partial<KeyOptions> = {}) => createKey({ id: 'ci', ...rest }, database(), now);

async function kept() {
  const database = await openDatabase({ dataDir: join(folder, 'data') });
  const keys = await new ApiKeys(database).list();
  await database.destroy();
  return keys;
}

describe('key create', () => {
  test('prints the key alone, once, and keeps only its hash', async () => {
    const result = await create();
    expect(result.exitCode).toBe(0);
    expect(result.text).toMatch(/^mcpo_[A-Za-z0-9_-]{43}\n$/);
    const key = result.text.trim();
    expect(await kept()).toEqual([
      {
        id: 'ci',
        hash: hashApiKey(key),
        scopes: ['call', 'docs'],
        user: undefined,
        assertsUser: false,
        expiresAt: undefined,
        lastUsedAt: undefined,
        createdAt: now,
      },
    ]);
    for (const file of readdirSync(join(folder, 'data'))) {
      expect(readFileSync(join(folder, 'data', file)).includes(key)).toBe(false);
    }
  });

  test.each<[string, { issuer: string; subject: string }]>([
    ['u1', { issuer: 'open-webui', subject: 'u1' }],
    ['open-webui:u1', { issuer: 'open-webui', subject: 'u1' }],
    ['mcpo-ts:alice', { issuer: 'mcpo-ts', subject: 'alice' }],
    ['https://id.example.org:alice', { issuer: 'https://id.example.org', subject: 'alice' }],
    [
      'https://id.example.org:8443/realms/x:f:1:a',
      { issuer: 'https://id.example.org:8443/realms/x', subject: 'f:1:a' },
    ],
  ])('--user %s', async (user, expected) => {
    await create({ user });
    expect((await kept())[0]?.user).toEqual(expected);
  });

  test.each([
    ['90d', '2030-04-01T00:00:00Z'],
    ['30m', '2030-01-01T00:30:00Z'],
    ['2030-02-01', '2030-02-01T00:00:00Z'],
    ['2030-02-01T12:00:00+02:00', '2030-02-01T10:00:00Z'],
  ])('--expires %s', async (expires, expected) => {
    await create({ expires });
    expect((await kept())[0]?.expiresAt).toBe(Date.parse(expected));
  });

  test.each<[Partial<KeyOptions>, string]>([
    [{ id: '' }, '--id ""'],
    [{ id: 'a b' }, '--id "a b"'],
    [{ id: 'default' }, '--api-key'],
    [{ scope: ['call', 'cal:time'] }, '--scope "cal:time" is not a scope; the forms are "call", "call:SERVER"'],
    [{ scope: [''] }, 'is not a scope'],
    [{ user: '' }, '--user'],
    [{ user: 'a:' }, '--user'],
    [{ user: 'a\nb' }, '--user'],
    [{ user: 'x'.repeat(256) }, '--user'],
    [{ user: 'a', assertsUser: true }, 'contradict'],
    [{ expires: 'soon' }, '--expires "soon"'],
    [{ expires: '0d' }, 'not in the future'],
    [{ expires: '2029-12-31' }, 'not in the future'],
    [{ expires: '999999w' }, '--expires'],
    [{ expires: '2030-13-01' }, '--expires'],
  ])('refuses %j', async (rest, message) => {
    const error = await create(rest).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
    expect(await kept()).toEqual([]);
  });

  test('refuses an id that is taken, and leaves that key alone', async () => {
    await create();
    const before = await kept();
    await expect(create({ scope: ['admin'] })).rejects.toThrow('There is already a key "ci"');
    expect(await kept()).toEqual(before);
  });

  test('--config-entry prints what the servers file takes, and keeps nothing', async () => {
    const { text, note } = await create({
      configEntry: true,
      user: 'https://x.org:a',
      expires: '1d',
      scope: ['call:fs/*'],
    });
    const entry: unknown = JSON.parse(text);
    const [key = ''] = /mcpo_\S+/.exec(note ?? '') ?? [];
    expect(authSchema.parse({ keys: [entry] }).keys).toMatchObject([
      {
        id: 'ci',
        hash: hashApiKey(key),
        scopes: ['call:fs/*'],
        user: { issuer: 'https://x.org', subject: 'a' },
        assertsUser: false,
        expiresAt: Date.parse('2030-01-02T00:00:00Z'),
      },
    ]);
    expect(text).not.toContain(key);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('key list', () => {
  test('says so when there is none', async () => {
    expect((await listKeys(database())).text).toContain('There are no keys');
  });

  test('is a table without hashes', async () => {
    await create({ id: 'owui', assertsUser: true, scope: ['call'] });
    await create({ id: 'ann', user: 'u1', expires: '1d' });
    const { text, exitCode } = await listKeys(database());
    expect(exitCode).toBe(0);
    expect(text).toBe(
      [
        'ID    SCOPES     USER           EXPIRES               LAST USED  CREATED',
        'ann   call docs  open-webui:u1  2030-01-02T00:00:00Z  never      2030-01-01T00:00:00Z',
        'owui  call       (asserts any)  never                 never      2030-01-01T00:00:00Z',
        '',
      ].join('\n'),
    );
    for (const { hash } of await kept()) expect(text).not.toContain(hash);
  });
});

describe('key revoke', () => {
  test('takes the key out', async () => {
    await create();
    await create({ id: 'other' });
    const { text, note, exitCode } = await revokeKey('ci', database());
    expect([text, exitCode]).toEqual(['', 0]);
    expect(note).toContain('"ci" is revoked');
    expect((await kept()).map(({ id }) => id)).toEqual(['other']);
  });

  test('of a key that is not there is an error that says where to look', async () => {
    const error = await revokeKey('none', database()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain('There is no key "none" in the database; "mcpo-ts key list"');
  });
});
