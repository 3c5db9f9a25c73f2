import { afterAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { migrationNames } from '../../src/db/migrations.ts';
import { openDatabase } from '../../src/db/open-database.ts';
import { KEY, stateOf } from '../unit/doctor/examined.ts';
import { makePostgresDatabase } from './postgres-database.ts';

const REDIS_URL = process.env.MCPO_TEST_REDIS_URL ?? 'redis://127.0.0.1:6379';
const VAULT_KEY = Buffer.alloc(32, 7).toString('base64');
const postgres = await makePostgresDatabase();
afterAll(() => postgres.remove());

/** The same server under a name that may be another machine's. */
function elsewhere(parameters: string): string {
  const url = new URL(postgres.databaseUrl);
  url.hostname = '127.1';
  return `${url.href}${parameters}`;
}
const surroundings = (databaseUrl: string) => ({
  env: { MCPO_API_KEY: KEY, MCPO_DATABASE_URL: databaseUrl, MCPO_VAULT_KEY: VAULT_KEY, MCPO_REDIS_URL: REDIS_URL },
});

test('PostgreSQL and Redis answer, and their clocks are compared', async () => {
  const here = surroundings(postgres.databaseUrl);
  for (const id of ['database', 'database-tls', 'redis', 'redis-tls', 'clock']) {
    expect([id, (await stateOf(id, here)).state]).toEqual([id, 'ok']);
  }
  expect((await stateOf('clock', here)).text).toMatch(/Redis, PostgreSQL/);
});

test('migrations and the last backup are read without applying anything', async () => {
  const here = surroundings(postgres.databaseUrl);
  expect((await stateOf('migrations', here)).text).toMatch(
    new RegExp(`${migrationNames.length} of ${migrationNames.length} `),
  );
  const opened = await openDatabase({ dataDir: '/nowhere', databaseUrl: postgres.databaseUrl });
  expect((await stateOf('migrations', here)).state).toBe('ok');
  expect((await stateOf('backup', here)).state).toBe('warning');
  const now = Date.now();
  await sql`insert into last_backup (id, finished_at, file, bytes, row_count) values (1, ${now}, 'f', 1, 1)`.execute(
    opened,
  );
  await opened.destroy();
  expect((await stateOf('backup', here)).state).toBe('ok');
});

test('a connection to another machine must use TLS, and say so', async () => {
  const plain = await stateOf('database-tls', surroundings(elsewhere('?sslmode=disable')));
  expect(plain).toEqual({ state: 'problem', text: expect.stringMatching(/does not use TLS.*sslmode=verify-full/) });
  const unverified = await stateOf('database-tls', surroundings(elsewhere('?sslmode=no-verify')));
  expect(unverified.state).toBe('warning');
});

test('a database that cannot be reached is a problem, without its password', async () => {
  const gone = surroundings(`postgres://user:${KEY}@127.0.0.1:1/none`);
  const { state, text } = await stateOf('database', gone);
  expect(state).toBe('problem');
  expect(text).not.toContain(KEY);
});
