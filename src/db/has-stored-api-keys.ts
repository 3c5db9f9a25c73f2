import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DATABASE_FILE } from './database-file.ts';

const require = createRequire(import.meta.url);

/**
 * Whether the database in `dataDir` holds, or may hold, an API key; `false` where there is no database yet. Asked before the service
 * decides where it may listen, and so without the query layer, which takes a while to load.
 */
export function hasStoredApiKeys(dataDir: string): boolean {
  const file = join(dataDir, DATABASE_FILE);
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
