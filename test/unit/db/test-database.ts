import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, type DatabaseLocation, openDatabase } from '../../../src/db/open-database.ts';

/** An empty database of a test's own. */
export interface TestDatabase {
  readonly location: DatabaseLocation;
  /** Opens it, each time on connections of its own. */
  open(): Promise<Database>;
  /** Closes what was opened, and leaves nothing. */
  remove(): Promise<void>;
}

export type MakeDatabase = () => Promise<TestDatabase>;

export async function makeSqliteDatabase(): Promise<TestDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'db-'));
  return toTestDatabase({ dataDir: join(folder, 'data') }, async () => rmSync(folder, { recursive: true }));
}

export function toTestDatabase(location: DatabaseLocation, remove: () => Promise<void>): TestDatabase {
  const opened: Database[] = [];
  return {
    location,
    open: async () => {
      const database = await openDatabase(location);
      opened.push(database);
      return database;
    },
    remove: async () => {
      await Promise.all(opened.map((database) => database.destroy()));
      await remove();
    },
  };
}
