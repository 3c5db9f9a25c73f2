import type { Database } from '../db/open-database.ts';
import { retryConflicts } from '../db/retry-conflicts.ts';
import { ownerColumns } from './secret-rows-sql.ts';
import type { PageSessionRow } from './secret-store.ts';

/** Notes a session of the pages; one of the same hash gets the later end. */
export async function addPageSession(database: Database, { hash, owner, expiresAt }: PageSessionRow): Promise<void> {
  const whose = owner === undefined ? { issuer: null, subject: null } : ownerColumns(owner);
  await retryConflicts(() =>
    database
      .insertInto('page_sessions')
      .values({ hash, ...whose, expires_at: expiresAt })
      .onConflict((conflict) => conflict.column('hash').doUpdateSet({ expires_at: expiresAt }))
      .execute(),
  );
}

export async function hasPageSession(database: Database, hash: string, now: number): Promise<boolean> {
  const row = await database
    .selectFrom('page_sessions')
    .select('hash')
    .where('hash', '=', hash)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return row !== undefined;
}
