import { Kysely, PostgresDialect, sql } from 'kysely';
import { DatabaseError } from '../errors.ts';
import { errorCodeOf, postgresProblem } from './database-error.ts';
import { migrate } from './migrations.ts';
import type { Tables } from './tables.ts';

export type Database = Kysely<Tables>;

/** Where the tables are. */
export interface DatabaseLocation {
  /** Of the embedded database. */
  readonly dataDir: string;
  /** Of a PostgreSQL database, to be used in its place. */
  readonly databaseUrl?: string | undefined;
}

/** Which tables a database has when it is open: those of this version, as they are, or those of an earlier version. */
export type SchemaVersion = 'latest' | 'as it is' | { readonly upTo: string };

/**
 * Opens the database and brings its tables up to date: PostgreSQL by URL, else the embedded one in `dataDir`, made with
 * mode 0700 if it is not there. To be closed with `destroy()`. Rejects with `DatabaseError`; once it is open, queries
 * reject with the driver's own errors, and work again when the database does.
 */
export function openDatabase(
  { dataDir, databaseUrl }: DatabaseLocation,
  version: SchemaVersion = 'latest',
): Promise<Database> {
  return databaseUrl === undefined ? openEmbedded(dataDir, version) : openShared(databaseUrl, version);
}

async function openEmbedded(dataDir: string, version: SchemaVersion): Promise<Database> {
  let database: Database | undefined;
  try {
    // libsql: 26 ms and 6 MB.
    const { openSqlite } = await import('./sqlite.ts');
    database = new Kysely({ dialect: await openSqlite(dataDir) });
    if (version !== 'as it is') await migrate(database, 'sqlite', { upTo: lastOf(version) });
    return database;
  } catch (error) {
    await database?.destroy();
    const code = errorCodeOf(error);
    const reason = code === undefined ? '' : ` (${code})`;
    throw new DatabaseError(
      `The database in the data folder cannot be opened${reason}; check MCPO_DATA_DIR and its permissions.`,
      { cause: error },
    );
  }
}

async function openShared(databaseUrl: string, version: SchemaVersion): Promise<Database> {
  let database: Database | undefined;
  try {
    // pg: 40 ms.
    const { openPostgres } = await import('./postgres.ts');
    database = new Kysely({ dialect: new PostgresDialect({ pool: openPostgres(databaseUrl) }) });
    const schema = await schemaOf(database);
    if (version !== 'as it is') await migrate(database, 'postgres', { schema, upTo: lastOf(version) });
    return database;
  } catch (error) {
    await database?.destroy();
    // Without the cause, which may name the host and the user.
    throw new DatabaseError(postgresProblem(error));
  }
}

function lastOf(version: Exclude<SchemaVersion, 'as it is'>): string | undefined {
  return version === 'latest' ? undefined : version.upTo;
}

async function schemaOf(database: Database): Promise<string> {
  const { rows } = await sql<{ name: string | null }>`select current_schema() as name`.execute(database);
  const name = rows[0]?.name;
  if (typeof name !== 'string') throw new Error('the search path names no schema that exists');
  return name;
}
