import { randomBytes, randomUUID } from 'node:crypto';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from '@jest/globals';
import { migrationNames } from '../../src/db/migrations.ts';
import { openDatabase } from '../../src/db/open-database.ts';
import { fixture, fixtureFile, type Service, startService, temporaryFolder, test, waitFor } from '../e2e/harness.ts';
import { makePostgresDatabase, rowsOf } from './postgres-database.ts';

const KEY = `key-${randomUUID()}`;
const VAULT_KEY = randomBytes(32).toString('base64');
const USERS = ['ann', 'bob', 'cid'];

type TestDatabase = Awaited<ReturnType<typeof makePostgresDatabase>>;
let database: TestDatabase;
let older: TestDatabase;

beforeEach(async () => {
  database = await makePostgresDatabase();
  older = await makePostgresDatabase();
});
afterEach(async () => {
  await database.remove();
  await older.remove();
});

const jira = fixture('whoami.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: {} } });
const as = (user: string) => ({ authorization: `Bearer ${KEY}`, 'x-openwebui-user-id': user });
const start = (databaseUrl: string, servers: Readonly<Record<string, object>> = { jira }, waitForReady = true) => {
  const env = {
    MCPO_API_KEY: KEY,
    MCPO_TRUST_USER_HEADERS: 'true',
    MCPO_VAULT_KEY: VAULT_KEY,
    MCPO_DATABASE_URL: databaseUrl,
    MCPO_DATA_DIR: temporaryFolder(),
  };
  return startService({ servers, env, waitForReady });
};
const save = async (service: Service, user: string) => {
  const answer = await service.request('PUT', '/vault/api/servers/jira/variables/TOKEN', {
    headers: { ...as(user), 'content-type': 'application/json' },
    body: JSON.stringify({ value: `of ${user}` }),
  });
  expect(answer.status).toBe(204);
};
const tokensAt = (service: Service) =>
  Promise.all(
    USERS.map(async (user) => {
      const answer = await service.call('jira', 'whoami', {}, as(user));
      return (answer.json() as { token?: string }).token ?? answer.text;
    }),
  );
const migrationsOf = async (url: string) =>
  (await rowsOf('select name from kysely_migration order by name', url)).map(({ name }) => name);

test('four replicas that start at once on tables of an earlier version bring them up to date, and lose nothing', async () => {
  const first = await start(database.databaseUrl);
  for (const user of USERS) await save(first, user);
  await first.stop();
  const tables = await openDatabase(older.location, { upTo: '0006-page-sessions' });
  for (const table of ['vault_keys', 'secrets'] as const) {
    const rows = await rowsOf(`select * from ${table}`, database.databaseUrl);
    await tables
      .insertInto(table)
      .values(rows as never)
      .execute();
  }
  await tables.destroy();
  expect((await migrationsOf(older.databaseUrl)).at(-1)).toBe('0006-page-sessions');

  const replicas = await Promise.all([1, 2, 3, 4].map(() => start(older.databaseUrl)));
  expect(await migrationsOf(older.databaseUrl)).toEqual(migrationNames);
  for (const replica of replicas) expect(await tokensAt(replica)).toEqual(USERS.map((user) => `of ${user}`));
  for (const replica of replicas) expect(replica.stderr()).not.toMatch(/"level":"error"/);
}, 120_000);

test('four that start at once on an empty database agree on the tables and on the key', async () => {
  const replicas = await Promise.all([1, 2, 3, 4].map(() => start(database.databaseUrl)));
  expect(await migrationsOf(database.databaseUrl)).toEqual(migrationNames);
  await Promise.all(USERS.map((user, index) => save(replicas[index] as Service, user)));
  for (const replica of replicas) expect(await tokensAt(replica)).toEqual(USERS.map((user) => `of ${user}`));
}, 120_000);

test('a replica of an earlier version that starts later runs, refuses what needs the tables, and says why', async () => {
  await start(database.databaseUrl);
  await rowsOf("insert into kysely_migration values ('9999-later', '')", database.databaseUrl);
  const late = await start(database.databaseUrl, { jira }, false);
  const said = () => late.stderr() + late.stdout();
  await waitFor(() => said().includes('a newer version of mcpo-ts has used it'), 10_000, 'the sentence');
  expect((await late.call('jira', 'whoami', {}, as('ann'))).status).toBe(503);
}, 60_000);

test('tools that one replica listed are in the documents of another, whose server is down', async () => {
  const folder = temporaryFolder();
  const servers = { remembered: { command: 'node', args: [fixtureFile('many.js'), '7'], cwd: folder } };
  const one = await start(database.databaseUrl, servers);
  const before = await one.get('/remembered/openapi.json');
  const count = "select count(*)::int as count from catalogues where server = 'remembered'";
  const isSaved = async () => {
    const rows = await rowsOf(count, database.databaseUrl).catch(() => []);
    return rows[0]?.count === 1;
  };
  await waitFor(isSaved, 10_000, 'the catalogue in the database');
  renameSync(folder, join(folder, '..', `${randomUUID()}-moved`));
  const other = await start(database.databaseUrl, servers, false);
  const after = await other.get('/remembered/openapi.json');
  expect([after.status, after.text]).toEqual([200, before.text]);
}, 60_000);
