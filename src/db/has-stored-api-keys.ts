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
 * Whether the database holds, or may hold, an API key; `false` where there is no database yet. Asked before the service
 * decides where it may listen, and so without the query layer, which takes a while to load. Never rejects.
 */
export async function hasStoredApiKeys({ dataDir, databaseUrl }: DatabaseLocation): Promise<boolean> {
  return databaseUrl === undefined ? isInEmbedded(dataDir) : isInShared(databaseUrl);
}

function isInEmbedded(dataDir: string): boolean {
  const file = databaseFile(dataDir);
  if (!existsSync(file)) return false;
  try {
    const SqliteFile = require('libsql') as typeof import('libsql');
    const database = new SqliteFile(file);
    try {
      return database.prepare('select 1 from api_keys limit 1').get() !== undefined;
    } finally {
      database.close();
    }
  } catch (error) {
    // A file from before there were keys has none. One that cannot be read may have some: in doubt one is asked for.
    return !(error instanceof Error && error.message.includes('no such table'));
  }
}

async function isInShared(databaseUrl: string): Promise<boolean> {
  try {
    const [{ default: pg }, { clientOptions }] = await Promise.all([import('pg'), import('./postgres.ts')]);
    const client = new pg.Client({
      ...clientOptions(databaseUrl, POSTGRES_TIMEOUT_MS),
      query_timeout: POSTGRES_TIMEOUT_MS,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query('select 1 from api_keys limit 1');
      return rows.length > 0;
    } finally {
      // Its answer does not matter, and may take long.
      void client.end().catch(() => undefined);
    }
  } catch (error) {
    return errorCodeOf(error) !== UNDEFINED_TABLE;
  }
}
