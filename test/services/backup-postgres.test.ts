import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import pg from 'pg';
import { as, drill, makeMachine, save, tokenOf, VAULT_KEY } from '../e2e/backup-drill.ts';
import { test, waitFor } from '../e2e/harness.ts';
import { makePostgresDatabase, rowsOf } from './postgres-database.ts';

test('drill: from the embedded database into PostgreSQL', async () => {
  const database = await makePostgresDatabase();
  // PostgreSQL's replicas share the vault's key, and the same one may be given to the embedded database.
  await drill(await makeMachine({ MCPO_VAULT_KEY: VAULT_KEY }), { MCPO_DATABASE_URL: database.databaseUrl });
  await database.remove();
}, 120_000);

test('drill: from PostgreSQL into the embedded database', async () => {
  const database = await makePostgresDatabase();
  const shared = { MCPO_DATABASE_URL: database.databaseUrl, MCPO_VAULT_KEY: VAULT_KEY };
  await drill(await makeMachine(shared), { MCPO_DATABASE_URL: '', MCPO_VAULT_KEY: '' });
  await database.remove();
}, 120_000);

test('a migration that is under way is waited for; the backup has the tables from after it', async () => {
  const database = await makePostgresDatabase();
  const env = { MCPO_DATABASE_URL: database.databaseUrl, MCPO_VAULT_KEY: VAULT_KEY };
  const machine = await makeMachine(env);
  const service = await machine.start();
  await save(service, 'ann', 'token of ann');
  await service.stop();
  const client = new pg.Client({ connectionString: database.databaseUrl });
  await client.connect();
  // As 0007 did: a table is made anew, with other columns.
  await client.query('begin');
  await client.query('alter table api_keys rename to old_keys');
  await client.query('create table api_keys (like old_keys including all)');
  await client.query(
    "insert into api_keys (id, hash, scopes, asserts_user, created_at) values ('from-migration', 'h', '[]', 0, 'x')",
  );
  await client.query('drop table old_keys');
  const file = join(machine.backups, 'one.age');
  const running = machine.run(['backup', file]);
  const isWaiting = async () =>
    (await rowsOf("select 1 from pg_locks where not granted and mode = 'AccessShareLock'")).length > 0;
  await waitFor(isWaiting, 15_000, 'the backup to wait for the migration');
  await client.query('commit');
  await client.end();
  expect((await running).code).toBe(0);
  const { stdout } = await machine.run(['backup', 'verify', file, '--identity', machine.identity]);
  expect(stdout).toMatch(/^OK: .*\n.* from PostgreSQL.*\n.*api_keys 1/);
  await database.remove();
}, 60_000);

test('one that lasts longer than a statement may wait is waited for again, and the command says so', async () => {
  const database = await makePostgresDatabase();
  const machine = await makeMachine({ MCPO_DATABASE_URL: database.databaseUrl, MCPO_VAULT_KEY: VAULT_KEY });
  await (await machine.start()).stop();
  const client = new pg.Client({ connectionString: database.databaseUrl });
  await client.connect();
  await client.query('begin');
  await client.query('lock table secrets in access exclusive mode');
  let said = '';
  const running = machine.run(['backup', join(machine.backups, 'one.age')]).then((result) => {
    said = result.stderr;
    return result;
  });
  const waits = async () =>
    (await rowsOf("select 1 from pg_stat_activity where application_name = 'mcpo-ts' and wait_event_type = 'Lock'"))
      .length > 0;
  await waitFor(waits, 15_000, 'the backup to wait');
  // PostgreSQL gives up on its statement; the next try waits again.
  await waitFor(async () => !(await waits()), 20_000, 'the statement to time out');
  await waitFor(waits, 15_000, 'the backup to wait again');
  await client.query('commit');
  await client.end();
  expect((await running).code).toBe(0);
  expect(said).toContain('waiting up to a minute');
  await database.remove();
}, 90_000);

test('a running service notices a restore: sessions of before end, and a replaced value is used', async () => {
  const database = await makePostgresDatabase();
  const machine = await makeMachine({ MCPO_DATABASE_URL: database.databaseUrl, MCPO_VAULT_KEY: VAULT_KEY });
  const service = await machine.start();
  await save(service, 'ann', 'first');
  const file = join(machine.backups, 'one.age');
  expect((await machine.run(['backup', file])).code).toBe(0);
  await save(service, 'ann', 'second');
  await save(service, 'bob', 'of bob');
  expect([await tokenOf(service, as('ann')), await tokenOf(service, as('bob'))]).toEqual(['second', 'of bob']);
  const restored = await machine.run(['restore', file, '--identity', machine.identity, '--replace', '--yes']);
  expect(restored.code).toBe(0);
  await waitFor(async () => (await tokenOf(service, as('ann'))) === 'first', 10_000, 'the restored value to be used');
  await waitFor(async () => (await tokenOf(service, as('bob'))) === 428, 10_000, "Bob's value to be gone");
  rmSync(file);
  await database.remove();
}, 60_000);
