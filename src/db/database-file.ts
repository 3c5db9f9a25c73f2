import { join } from 'node:path';

/** The file of the embedded database in the data folder, whether it is there or not. */
export function databaseFile(dataDir: string): string {
  return join(dataDir, 'mcpo-ts.db');
}
