import { setImmediate as turn } from 'node:timers/promises';
import { PostgresAdapter, sql } from 'kysely';
import type { Database } from './open-database.ts';
import type { Tables } from './tables.ts';

export type TableName = keyof Tables;
/** A row as the database has it, by the names of its columns. */
export type TableRow = Readonly<Record<string, unknown>>;

/** The tables as they were at one moment, whatever is written meanwhile. */
export interface Snapshot {
  /** The names of the migrations that made them, in order. */
  readonly migrations: readonly string[];
  /** Those of the tables asked for that exist. */
  readonly tables: readonly TableName[];
  /** The rows of a table, a few at a time. */
  rows(table: TableName): AsyncGenerator<readonly TableRow[], void, undefined>;
}

/** Of 16 kB each at most, but for lists of tools. */
const ROWS_AT_ONCE = 400;
const CATALOGUES_AT_ONCE = 4;

/** A migration may make a table between the list of tables and their locks. */
const MAX_TRIES = 3;

/**
 * Reads the tables in one transaction, without holding up a writer. The tables of PostgreSQL are locked first against a
 * migration, which would change some of them between two of our statements. Rejects with the driver's errors: with
 * `57014` where a migration holds a table for longer than a statement may wait.
 */
export async function readSnapshot<Result>(
  database: Database,
  tables: readonly TableName[],
  use: (snapshot: Snapshot) => Promise<Result>,
): Promise<Result> {
  const isPostgres = database.getExecutor().adapter instanceof PostgresAdapter;
  const settings = database.transaction().setAccessMode('read only');
  const reading = isPostgres ? settings.setIsolationLevel('repeatable read') : settings;
  for (let tries = 1; ; tries += 1) {
    const expected = await existingTables(database, isPostgres, tables);
    const outcome = await reading.execute(async (transaction) => {
      if (isPostgres) await lockTables(transaction, expected);
      const existing = await existingTables(transaction, isPostgres, tables);
      if (isPostgres && existing.length !== expected.length && tries < MAX_TRIES) return 'changed';
      const migrations = await appliedMigrations(transaction, isPostgres);
      const rows = (table: TableName) => (isPostgres ? cursorRows : keysetRows)(transaction, table);
      return { result: await use({ migrations, tables: existing, rows }) };
    });
    if (outcome !== 'changed') return outcome.result;
  }
}

/** The transaction's view begins with its first query: after this statement, which is none. */
async function lockTables(transaction: Database, tables: readonly TableName[]): Promise<void> {
  if (tables.length === 0) return;
  const names = sql.join(tables.map((table) => sql.table(table)));
  await sql`lock table ${names} in access share mode`.execute(transaction);
}

async function existingTables(
  transaction: Database,
  isPostgres: boolean,
  tables: readonly TableName[],
): Promise<readonly TableName[]> {
  const query = isPostgres
    ? sql<{ name: string }>`select tablename as name from pg_tables where schemaname = current_schema()`
    : sql<{ name: string }>`select name from sqlite_master where type = 'table'`;
  const { rows } = await query.execute(transaction);
  const names = new Set(rows.map(({ name }) => name));
  return tables.filter((table) => names.has(table));
}

/** None in a database that no version of mcpo-ts has opened. */
async function appliedMigrations(transaction: Database, isPostgres: boolean): Promise<readonly string[]> {
  const table = 'kysely_migration';
  const found = isPostgres
    ? sql<{ name: string }>`select tablename as name from pg_tables
        where schemaname = current_schema() and tablename = ${table}`
    : sql<{ name: string }>`select name from sqlite_master where type = 'table' and name = ${table}`;
  if ((await found.execute(transaction)).rows.length === 0) return [];
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(table)}`.execute(transaction);
  // Sorted here: PostgreSQL may have been set up for the order of a language.
  return rows.map(({ name }) => name).sort();
}

async function* cursorRows(transaction: Database, table: TableName): AsyncGenerator<readonly TableRow[]> {
  const cursor = sql.id(`backup_${table}`);
  await sql`declare ${cursor} no scroll cursor for select * from ${sql.table(table)}`.execute(transaction);
  for (;;) {
    const { rows } = await sql<TableRow>`fetch ${sql.lit(atOnce(table))} from ${cursor}`.execute(transaction);
    if (rows.length > 0) yield rows;
    if (rows.length < atOnce(table)) break;
  }
  await sql`close ${cursor}`.execute(transaction);
}

async function* keysetRows(transaction: Database, table: TableName): AsyncGenerator<readonly TableRow[]> {
  for (let last = Number.MIN_SAFE_INTEGER; ; ) {
    const { rows } = await sql<TableRow & { readonly backup_row: number }>`
      select rowid as backup_row, * from ${sql.table(table)} where rowid > ${last}
      order by rowid limit ${atOnce(table)}`.execute(transaction);
    if (rows.length > 0) yield rows.map(({ backup_row: _, ...row }) => row);
    const final = rows.at(-1);
    if (final === undefined || rows.length < atOnce(table)) return;
    last = final.backup_row;
    // The driver answers at once. Without a turn of the event loop it would free no statement, with its values, until the end.
    await turn();
  }
}

function atOnce(table: TableName): number {
  return table === 'catalogues' ? CATALOGUES_AT_ONCE : ROWS_AT_ONCE;
}
