import { tmpdir } from 'node:os';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { ApiKeys } from '../../src/db/api-keys.ts';
import { hasStoredApiKeys } from '../../src/db/has-stored-api-keys.ts';
import { LazyDatabase } from '../../src/db/lazy-database.ts';
import { type Database, openDatabase } from '../../src/db/open-database.ts';
import { DatabaseError } from '../../src/errors.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { Redactor } from '../../src/telemetry/redactor.ts';
import { SecretStore } from '../../src/vault/secret-store.ts';
import { waitFor } from '../wait-for.ts';
import { type CuttableProxy, startProxy } from './cuttable-proxy.ts';
import { makePostgresDatabase, onServer, rowsOf, serverUrl } from './postgres-database.ts';

const dataDir = tmpdir();
const place = { owner: { issuer: 'i', subject: 's' }, server: 'jira', name: 'TOKEN' };
const sealed = (version: number) => ({ keyId: 'k', cipherText: `c${version}` });

let testDatabase: Awaited<ReturnType<typeof makePostgresDatabase>>;
let databaseUrl: string;

beforeEach(async () => {
  testDatabase = await makePostgresDatabase();
  databaseUrl = testDatabase.databaseUrl;
});
afterEach(() => testDatabase.remove());

describe('opening', () => {
  test('five at once on an empty database make the tables once', async () => {
    const databases = await Promise.all([1, 2, 3, 4, 5].map(() => testDatabase.open()));
    expect(await migrations(databaseUrl)).toEqual([
      '0001-catalogues',
      '0002-api-keys',
      '0003-vault',
      '0004-audit-anchors',
      '0005-erasures',
      '0006-page-sessions',
      '0007-page-session-facts',
      '0008-user-profiles',
      '0009-identities',
      '0010-last-backup',
    ]);
    for (const database of databases) expect(await new SecretStore(database).list()).toEqual([]);
  });

  test('what another program keeps in another schema is left alone', async () => {
    await onServer('create table kysely_migration (name text)', databaseUrl);
    await onServer('create table secrets (other text)', databaseUrl);
    await onServer('create schema mcpo', databaseUrl);
    const url = `${databaseUrl}?options=-csearch_path%3Dmcpo`;
    const database = await openDatabase({ dataDir, databaseUrl: url });
    await new SecretStore(database).put([{ place, seal: sealed, lastFour: undefined }], 1);
    await database.destroy();
    expect(await rowsOf('select name from mcpo.secrets', databaseUrl)).toEqual([{ name: 'TOKEN' }]);
    expect(await rowsOf('select * from public.kysely_migration', databaseUrl)).toEqual([]);
  });

  test('tables of a newer version are refused with a sentence', async () => {
    await (await testDatabase.open()).destroy();
    await onServer(`insert into kysely_migration values ('9999-later', '')`, databaseUrl);
    await expect(testDatabase.open()).rejects.toThrow('a newer version of mcpo-ts has used it; run that one.');
  });

  test.each([
    ['a port where nothing listens', (url: URL) => (url.port = '1'), /\(ECONNREFUSED\): check that it runs/],
    [
      'a database that is not there',
      (url: URL) => (url.pathname = '/canary-none'),
      /\(3D000\): the database does not exist/,
    ],
    ['a host that is not there', (url: URL) => (url.hostname = 'canary.invalid'), /its host is unknown/],
    ['a user that is not there', (url: URL) => (url.username = 'canary-user'), /does not accept this user/],
    [
      'TLS that is not offered',
      (url: URL) => (url.search = '?sslmode=require'),
      /not offer TLS|certificate is not trusted/,
    ],
    ['a certificate that is not there', (url: URL) => (url.search = '?sslrootcert=/canary'), /\(ENOENT\): a file/],
    [
      'a schema that is not there',
      (url: URL) => (url.search = '?options=-csearch_path%3Dcanary'),
      /check that it runs/,
    ],
  ])('%s is one sentence that names neither host, user nor password', async (_, change, expected) => {
    const url = new URL(databaseUrl);
    url.password = 'canary-password';
    change(url);
    const error = await openDatabase({ dataDir, databaseUrl: url.href }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DatabaseError);
    const { message, cause } = error as DatabaseError;
    expect(message).toMatch(expected);
    expect(message).toContain('MCPO_DATABASE_URL');
    expect(message).not.toMatch(/canary|127\.0\.0\.1|postgres:/);
    expect(cause).toBeUndefined();
  });

  test('a server that takes the connection and never answers is given up within seconds', async () => {
    const proxy = await startProxy(databaseUrl);
    proxy.swallow();
    await expect(openDatabase({ dataDir, databaseUrl: proxy.url })).rejects.toThrow(DatabaseError);
    await proxy.close();
  });
});

test('of values that are stored together none stays when the database fails at the second', async () => {
  const store = new SecretStore(await testDatabase.open());
  await onServer(
    `create function fail() returns trigger language plpgsql as $$ begin raise exception 'full'; end $$;
     create trigger failing before insert or update on secrets for each row when (new.name = 'B') execute function fail()`,
    databaseUrl,
  );
  const secrets = ['A', 'B'].map((name) => ({ place: { ...place, name }, seal: sealed, lastFour: undefined }));
  await expect(store.put(secrets, 1)).rejects.toThrow('full');
  expect(await store.list()).toEqual([]);
  expect(await store.revision()).toBe(0);
  await onServer('drop trigger failing on secrets', databaseUrl);
  await store.put(secrets, 2);
  expect((await store.list()).map(({ name }) => name)).toEqual(['A', 'B']);
  expect(await store.changesAfter(0)).toEqual([{ revision: 1, owner: place.owner, server: 'jira' }]);
});

test('many at once share ten connections, and no statement runs for ever', async () => {
  const database = await testDatabase.open();
  const counts = await Promise.all(
    Array.from({ length: 60 }, async () => {
      const { rows } = await sql<{ count: number; timeout: string }>`
        select count(*) as count, current_setting('statement_timeout') as timeout
        from pg_stat_activity where datname = current_database()
        and pg_sleep(0.02) is not null`.execute(database);
      return rows[0];
    }),
  );
  expect(Math.max(...counts.map((row) => row?.count ?? 99))).toBeLessThanOrEqual(10);
  expect(counts[0]?.timeout).toBe('10s');
});

describe('a database that goes away and comes back', () => {
  let proxy: CuttableProxy;
  let log: PassThrough;
  const opened: { destroy(): Promise<void> }[] = [];

  beforeEach(async () => {
    proxy = await startProxy(databaseUrl);
    log = new PassThrough();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.destroy()));
    await proxy.close();
  });

  async function open(): Promise<Database> {
    const database = await openDatabase({ dataDir, databaseUrl: proxy.url });
    opened.push(database);
    return database;
  }

  test('is used again without a restart', async () => {
    const store = new SecretStore(await open());
    await store.put([{ place, seal: sealed, lastFour: undefined }], 1);
    proxy.cut();
    await expect(store.get(place.owner, 'jira')).rejects.toThrow();
    await expect(store.put([{ place, seal: sealed, lastFour: undefined }], 2)).rejects.toThrow();
    proxy.restore();
    await recovered(() => store.put([{ place, seal: sealed, lastFour: undefined }], 3));
    expect(await store.get(place.owner, 'jira')).toEqual([expect.objectContaining({ version: 2, updatedAt: 3 })]);
  });

  test('a connection that has fallen silent is given up, and the next statement has another', async () => {
    const store = new SecretStore(await open());
    await store.list();
    proxy.swallow();
    await expect(store.put([{ place, seal: sealed, lastFour: undefined }], 1)).rejects.toThrow('Query read timeout');
    proxy.restore();
    expect(await store.list()).toEqual([]);
  });

  test('connections that it ends while they rest or work do not end the process', async () => {
    const database = await open();
    const store = new SecretStore(database);
    await Promise.all(Array.from({ length: 8 }, () => store.list()));
    await terminateAll();
    await recovered(() => store.list());

    const transaction = await database.startTransaction().execute();
    await transaction.selectFrom('secrets').selectAll().execute();
    await terminateAll();
    await expect(transaction.selectFrom('secrets').selectAll().execute()).rejects.toThrow();
    await transaction
      .rollback()
      .execute()
      .catch(() => undefined);
    await recovered(() => store.list());

    const sleeping = sql`select pg_sleep(9)`.execute(database);
    const waiting = expect(sleeping).rejects.toMatchObject({ code: '57P01' });
    await waitFor(async () => (await sleepers()) === 1);
    await terminateAll();
    await waiting;
    expect(await store.list()).toEqual([]);
  });

  test('a change that was cut off is made whole or not at all', async () => {
    const store = new SecretStore(await open());
    const direct = new SecretStore(await testDatabase.open());
    const isMade: boolean[] = [];
    for (let round = 0; round < 12; round += 1) {
      const making = store
        .put([{ place: { ...place, name: `N${round}` }, seal: sealed, lastFour: undefined }], round)
        .then(
          () => isMade.push(true),
          () => isMade.push(false),
        );
      await delay(round / 2);
      proxy.cut();
      await making;
      proxy.restore();
    }
    expect(isMade).toHaveLength(12);
    const rows = await direct.list();
    expect(rows.length).toBeGreaterThanOrEqual(isMade.filter(Boolean).length);
    expect(await direct.changesAfter(0)).toHaveLength(rows.length);
    expect(await direct.revision()).toBe(rows.length);
  });

  test('that was away at the start is used when it comes, by those who asked before', async () => {
    const logger = createLogger({ level: 'info', format: 'json', redactor: new Redactor(), stream: log });
    let now = 0;
    const lazy = new LazyDatabase({ dataDir, databaseUrl: proxy.url }, logger, () => now);
    opened.push({ destroy: () => lazy.close() });
    proxy.cut();
    const catalogues = lazy.catalogues;
    expect(await lazy.open()).toBeUndefined();
    proxy.restore();
    now += 2_000;
    await catalogues.save('time', '1');
    expect(await catalogues.load('time')).toBe('1');
    const lines = String(log.read()).trim().split('\n');
    expect(lines).toEqual([expect.stringContaining('MCPO_DATABASE_URL'), expect.stringContaining('can be used now')]);
    expect(lines.join('')).not.toContain('127.0.0.1');
  });

  async function terminateAll(): Promise<void> {
    await rowsOf(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${new URL(databaseUrl).pathname.slice(1)}'`,
    );
  }

  async function sleepers(): Promise<number> {
    const name = new URL(databaseUrl).pathname.slice(1);
    const active = `select 1 from pg_stat_activity where datname = '${name}' and state = 'active' and query like '%pg_sleep(9)%'`;
    return (await rowsOf(active)).length;
  }
});

describe('whether there are API keys', () => {
  test('is known before there are tables, with empty ones and with a key', async () => {
    expect(await hasStoredApiKeys({ dataDir, databaseUrl })).toBe(false);
    const keys = new ApiKeys(await testDatabase.open());
    expect(await hasStoredApiKeys({ dataDir, databaseUrl })).toBe(false);
    await keys.create({
      id: 'a',
      hash: 'b',
      scopes: [],
      user: undefined,
      assertsUser: false,
      expiresAt: undefined,
      lastUsedAt: undefined,
      createdAt: 0,
    });
    expect(await hasStoredApiKeys({ dataDir, databaseUrl })).toBe(true);
  });

  test('is taken for granted where it cannot be known, within seconds', async () => {
    const proxy = await startProxy(databaseUrl);
    proxy.cut();
    expect(await hasStoredApiKeys({ dataDir, databaseUrl: proxy.url })).toBe(true);
    proxy.swallow();
    expect(await hasStoredApiKeys({ dataDir, databaseUrl: proxy.url })).toBe(true);
    expect(await hasStoredApiKeys({ dataDir, databaseUrl: `${serverUrl}-none` })).toBe(true);
    await proxy.close();
  });
});

async function migrations(url: string): Promise<unknown[]> {
  return (await rowsOf('select name from kysely_migration order by name', url)).map(({ name }) => name);
}

async function recovered(work: () => Promise<unknown>): Promise<void> {
  await waitFor(() =>
    work().then(
      () => true,
      () => false,
    ),
  );
}
