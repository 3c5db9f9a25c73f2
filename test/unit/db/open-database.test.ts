import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { type Database, openDatabase } from '../../../src/db/open-database.ts';
import { DatabaseError } from '../../../src/errors.ts';

let folder: string;
let dataDir: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'db-'));
  dataDir = join(folder, 'data');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('only its owner may read it', async () => {
  await (await openDatabase({ dataDir })).destroy();
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  expect(statSync(join(dataDir, 'mcpo-ts.db')).mode & 0o777).toBe(0o600);
});

test('a folder that cannot be used is a clear error without its path', async () => {
  writeFileSync(join(folder, 'file'), '');
  const error = await openDatabase({ dataDir: join(folder, 'file', 'data') }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DatabaseError);
  expect((error as Error).message).not.toContain(folder);
  expect((error as Error).message).toContain('MCPO_DATA_DIR');
});

test('a file that is no database is a clear error', async () => {
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, 'mcpo-ts.db'), 'no database '.repeat(1_000));
  await expect(openDatabase({ dataDir })).rejects.toThrow(/cannot be opened \(SQLITE_NOTADB\); check MCPO_DATA_DIR/);
});

test('migrations are written down once, in order', async () => {
  const databases = await Promise.all([1, 2, 3].map(() => openDatabase({ dataDir })));
  await Promise.all(databases.map((database) => database.destroy()));
  const database = await openDatabase({ dataDir });
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(database);
  expect(rows.map(({ name }) => name)).toEqual([
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
  await database.destroy();
});

test('while another process is writing the service goes on, and what waited is written then', async () => {
  const database = await openDatabase({ dataDir });
  const release = await lockFrom(dataDir);
  let isWritten = false;
  const writing = write(database, 'waiting').then(() => {
    isWritten = true;
  });
  // Were the statement to wait inside of the database, the event loop would never be idle meanwhile.
  const before = performance.eventLoopUtilization();
  for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  const { utilization } = performance.eventLoopUtilization(before);
  expect(isWritten).toBe(false);
  expect(utilization).toBeLessThan(0.9);
  await release();
  await writing;
  expect(await names(database)).toEqual(['waiting']);
  await database.destroy();
});

test('a statement that was given up keeps nothing from being written later', async () => {
  const database = await openDatabase({ dataDir });
  const release = await lockFrom(dataDir);
  await expect(write(database, 'lost')).rejects.toMatchObject({ code: 'SQLITE_BUSY' });
  await release();
  await write(database, 'kept');
  await database.transaction().execute((transaction) => write(transaction, 'kept too'));
  expect(await names(database)).toEqual(['kept', 'kept too']);
  const other = await openDatabase({ dataDir });
  await write(other, 'by another');
  expect(await names(database)).toEqual(['by another', 'kept', 'kept too']);
  await Promise.all([database.destroy(), other.destroy()]);
});

async function write(database: Database, server: string): Promise<void> {
  await database.insertInto('catalogues').values({ server, content: '', updated_at: '' }).execute();
}

async function names(database: Database): Promise<string[]> {
  const rows = await database.selectFrom('catalogues').select('server').orderBy('server').execute();
  return rows.map(({ server }) => server);
}

/** Another process begins to write; resolves to how to end that. */
async function lockFrom(folderOfFile: string): Promise<() => Promise<void>> {
  const program = `
    const { default: SqliteFile } = await import('libsql');
    const database = new SqliteFile(process.argv[1]);
    database.exec('begin immediate');
    process.stdout.write('locked');
    process.stdin.once('data', () => { database.exec('rollback'); process.exit(); });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, join(folderOfFile, 'mcpo-ts.db')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return async () => {
    const ended = once(child, 'exit');
    child.stdin.write('.');
    await ended;
  };
}
