import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Database, DatabaseLocation } from './open-database.ts';

interface Row {
  readonly seq: number;
  readonly hmac: string;
  readonly mac: string;
}

/**
 * Names a log in the database: by its path, and where replicas share a database by the host too, since each has its own.
 */
export function auditLogName(file: string, { databaseUrl }: Pick<DatabaseLocation, 'databaseUrl'>): string {
  return databaseUrl === undefined ? resolve(file) : `${hostname()}:${resolve(file)}`;
}

/** How far one audit log goes, in the database. Rejects with the driver's errors. */
export class AuditAnchors {
  readonly #open: () => Promise<Database>;
  readonly #log: string;

  constructor(open: () => Promise<Database>, log: string) {
    this.#open = open;
    this.#log = log;
  }

  async read(): Promise<Row | undefined> {
    const database = await this.#open();
    return database
      .selectFrom('audit_anchors')
      .select(['seq', 'hmac', 'mac'])
      .where('log', '=', this.#log)
      .executeTakeFirst();
  }

  async write(row: Row): Promise<void> {
    const database = await this.#open();
    const { seq, hmac, mac } = row;
    const columns = { seq, hmac, mac, noted_at: Date.now() };
    await database
      .insertInto('audit_anchors')
      .values({ log: this.#log, ...columns })
      .onConflict((conflict) => conflict.column('log').doUpdateSet(columns))
      .execute();
  }
}
