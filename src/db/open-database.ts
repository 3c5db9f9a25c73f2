import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Kysely, type SqliteDatabase, SqliteDialect, sql } from 'kysely';
import SqliteFile from 'libsql';
import { DatabaseError } from '../errors.ts';
import { DATABASE_FILE } from './database-file.ts';
import { migrate } from './migrations.ts';
import type { Tables } from './tables.ts';

/** How long a statement waits for another process that is writing. */
const BUSY_TIMEOUT_MS = 5_000;

export type Database = Kysely<Tables>;

/**
 * Opens the embedded database in `dataDir`, made with mode 0700 if it is not there, and brings its tables up to date.
 * To be closed with `destroy()`. Throws `DatabaseError`.
 */
export async function openDatabase(dataDir: string): Promise<Database> {
  const file = join(dataDir, DATABASE_FILE);
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const connection = new SqliteFile(file);
    chmodSync(file, 0o600);
    const database: Database = new Kysely({
      dialect: new SqliteDialect({ database: connection as unknown as SqliteDatabase }),
    });
    await sql`pragma busy_timeout = ${sql.lit(BUSY_TIMEOUT_MS)}`.execute(database);
    await sql`pragma journal_mode = wal`.execute(database);
    await migrate(database);
    return database;
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new DatabaseError(
      `The database in the data folder cannot be opened${reason}; check MCPO_DATA_DIR and its permissions.`,
      { cause: error },
    );
  }
}
