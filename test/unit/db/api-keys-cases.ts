import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hashApiKey } from '../../../src/auth/api-key.ts';
import { ApiKeyRing } from '../../../src/auth/api-key-ring.ts';
import type { ApiKeyRecord } from '../../../src/auth/auth-settings.ts';
import { type ApiKeyWatch, watchApiKeys } from '../../../src/auth/watch-api-keys.ts';
import { ApiKeys } from '../../../src/db/api-keys.ts';
import type { Database } from '../../../src/db/open-database.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';
import { waitFor } from '../../wait-for.ts';
import type { MakeDatabase, TestDatabase } from './test-database.ts';

/** What the table of API keys does, and a service that watches it, whatever the engine. */
export function describeApiKeys(title: string, make: MakeDatabase): void {
  describe(title, () => {
    let testDatabase: TestDatabase;

    beforeEach(async () => {
      testDatabase = await make();
    });
    afterEach(() => testDatabase.remove());

    async function open(): Promise<{ database: Database; keys: ApiKeys }> {
      const database = await testDatabase.open();
      return { database, keys: new ApiKeys(database) };
    }

    describe('the table', () => {
      test('gives back what was put in', async () => {
        const { keys } = await open();
        const all = [
          stored('__proto__'),
          stored('ann', { user: { issuer: 'https://x', subject: "o'b" }, expiresAt: 1_800_000_000_000 }),
          stored('owui', { assertsUser: true, scopes: ['call:time', 'docs'] }),
        ];
        for (const key of [...all].reverse()) expect(await keys.create(key)).toBe(true);
        expect(await keys.list()).toEqual(all);
      });

      test('lists by id, capital letters first, and counts what is made at once', async () => {
        const [one, other] = [await open(), await open()];
        const ids = ['B', 'Z-1', '_', 'a', 'ab', 'b'];
        await Promise.all([...ids].reverse().map((id, index) => [one, other][index % 2]?.keys.create(stored(id))));
        expect((await one.keys.list()).map(({ id }) => id)).toEqual(ids);
        expect(await other.keys.revision()).toBe(ids.length);
      });

      test('an id is taken once, and its revision changes with changes only', async () => {
        const { keys } = await open();
        expect(await keys.revision()).toBe(0);
        expect(await keys.create(stored('a'))).toBe(true);
        expect(await keys.revision()).toBe(1);
        expect(await keys.create(stored('a', { hash: hashApiKey('other') }))).toBe(false);
        expect(await keys.revoke('b')).toBe(false);
        expect(await keys.revision()).toBe(1);
        expect((await keys.list()).map(({ hash }) => hash)).toEqual([hashApiKey('key a')]);
        expect(await keys.revoke('a')).toBe(true);
        expect(await keys.revision()).toBe(2);
        expect(await keys.list()).toEqual([]);
      });

      test('the last use only moves forward', async () => {
        const { keys } = await open();
        await keys.create(stored('a'));
        await keys.create(stored('b'));
        await keys.markUsed(
          new Map([
            ['a', 2_000_000],
            ['none', 1],
          ]),
        );
        await keys.markUsed(new Map([['a', 1_000_000]]));
        expect((await keys.list()).map(({ lastUsedAt }) => lastUsedAt)).toEqual([2_000_000, undefined]);
        expect(await keys.revision()).toBe(2);
      });

      test('a spoilt row grants nothing and hides no other', async () => {
        const { database, keys } = await open();
        await keys.create(stored('a'));
        await keys.create(stored('b', { expiresAt: 2_000_000_000_000 }));
        await database.updateTable('api_keys').set({ scopes: '{', expires_at: 'soon' }).where('id', '=', 'b').execute();
        expect(await keys.list()).toEqual([stored('a'), stored('b', { scopes: [], expiresAt: 0 })]);
      });
    });

    describe('a service that watches it', () => {
      let watch: ApiKeyWatch | undefined;
      let log: PassThrough;
      afterEach(async () => watch?.stop());

      async function start(database: Database, intervalMs?: number): Promise<ApiKeyRing> {
        const ring = new ApiKeyRing();
        log = new PassThrough();
        const logger = createLogger({ level: 'info', format: 'json', redactor: new Redactor(), stream: log });
        watch = await watchApiKeys(new ApiKeys(database), ring, logger, intervalMs);
        return ring;
      }

      test('has the keys at once, and knows new and revoked ones within two seconds', async () => {
        const { database } = await open();
        const other = await open();
        await other.keys.create(stored('old'));
        const ring = await start(database);
        expect(ring.find('key old')?.id).toBe('old');

        await other.keys.create(stored('new'));
        await waitFor(() => ring.find('key new') !== undefined, 2_000);
        expect(ring.find('key old')?.id).toBe('old');
        await other.keys.revoke('old');
        await waitFor(() => ring.find('key old') === undefined, 2_000);
        expect(ring.find('key new')?.id).toBe('new');
      });

      test('keeps the last known keys while the database fails, and says so once', async () => {
        const { database, keys } = await open();
        await keys.create(stored('a'));
        const ring = await start(database, 5);
        const logged = readLines(log);
        await database.schema.alterTable('revisions').renameTo('hidden').execute();
        await waitFor(() => logged().length > 0, 2_000);
        await delayedLooks(5);
        expect(ring.find('key a')?.id).toBe('a');
        expect(logged()).toEqual([expect.stringContaining('"level":"error"')]);

        await database.schema.alterTable('hidden').renameTo('revisions').execute();
        await keys.create(stored('b'));
        await waitFor(() => ring.find('key b') !== undefined, 2_000);
        expect(logged()).toEqual([
          expect.stringContaining('"level":"error"'),
          expect.stringContaining('can be read again'),
        ]);
      });

      test('a database that fails from the start leaves the ring incomplete', async () => {
        const { database } = await open();
        await database.schema.alterTable('revisions').renameTo('hidden').execute();
        const ring = await start(database, 5);
        expect(ring.isIncomplete).toBe(true);
        await database.schema.alterTable('hidden').renameTo('revisions').execute();
        await waitFor(() => !ring.isIncomplete, 2_000);
      });

      test('writes down when keys were used, at the latest when it ends', async () => {
        const { database, keys } = await open();
        await keys.create(stored('a'));
        await keys.create(stored('b'));
        const ring = await start(database);
        const key = ring.find('key a');
        if (key) ring.noteUse(key, 1_750_000_000_000);
        await watch?.stop();
        expect((await keys.list()).map(({ lastUsedAt }) => lastUsedAt)).toEqual([1_750_000_000_000, undefined]);
      });

      test('does not hold the process, and asks nothing more when it has ended', async () => {
        const { database, keys } = await open();
        const ring = await start(database, 5);
        await watch?.stop();
        await keys.create(stored('late'));
        await delayedLooks(5);
        expect(ring.find('key late')).toBeUndefined();
      });
    });
  });
}

function stored(id: string, rest: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  return {
    id,
    hash: hashApiKey(`key ${id}`),
    scopes: ['call'],
    user: undefined,
    assertsUser: false,
    expiresAt: undefined,
    lastUsedAt: undefined,
    createdAt: 1_700_000_000_000,
    ...rest,
  };
}

/** Lets so many looks of 5 ms go by: that nothing happens cannot be waited for otherwise. */
function delayedLooks(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 10));
}

function readLines(stream: PassThrough): () => string[] {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return () => text.split('\n').filter((line) => line !== '');
}
