import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { errorCodeOf } from './database-error.ts';
import { databaseFile } from './database-file.ts';
import type { DatabaseLocation } from './open-database.ts';

/** A start waits for this answer. */
const POSTGRES_TIMEOUT_MS = 3_000;
const UNDEFINED_TABLE = '42P01';

const require = createRequire(import.meta.url);

/**
 * The rows of one query, without the query layer, which takes a while to load, and without changing anything; none where
 * there is no database or no such table yet. Rejects with the database's own error.
 */
export async function peekDatabase(
  { dataDir, databaseUrl }: DatabaseLocation,
  query: string,
): Promise<readonly unknown[]> {
  return databaseUrl === undefined ? peekEmbedded(dataDir, query) : peekShared(databaseUrl, query);
}

function peekEmbedded(dataDir: string, query: string): readonly unknown[] {
  const file = databaseFile(dataDir);
  if (!existsSync(file)) return [];
  try {
    const SqliteFile = require('libsql') as typeof import('libsql');
    const database = new SqliteFile(file);
    try {
      return database.prepare(query).all();
    } finally {
      database.close();
    }
  } catch (error) {
    if (error instanceof Error && error.message.includes('no such table')) return [];
    throw error;
  }
}

async function peekShared(databaseUrl: string, query: string): Promise<readonly unknown[]> {
  try {
    const [{ default: pg }, { clientOptions }] = await Promise.all([import('pg'), import('./postgres.ts')]);
    const client = new pg.Client({
      ...clientOptions(databaseUrl, POSTGRES_TIMEOUT_MS),
      query_timeout: POSTGRES_TIMEOUT_MS,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query(query);
      return rows;
    } finally {
      // Its answer does not matter, and may take long.
      void client.end().catch(() => undefined);
    }
  } catch (error) {
    if (errorCodeOf(error) === UNDEFINED_TABLE) return [];
    throw error;
  }
}
