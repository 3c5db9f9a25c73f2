import type { Database } from '../db/open-database.ts';
import { retryConflicts } from '../db/retry-conflicts.ts';
import { ownerColumns, serverColumns } from './secret-rows-sql.ts';
import type { FoundLink, SetupLinkRow } from './secret-store.ts';

export async function addSetupLink(
  database: Database,
  { hash, owner, server, expiresAt, profile }: SetupLinkRow,
): Promise<void> {
  await database
    .insertInto('setup_links')
    .values({ hash, ...serverColumns(owner, server), expires_at: expiresAt, used_at: null, profile: profile ?? null })
    .execute();
}

/** The link of this hash, whether it was used or not. */
export async function findSetupLink(database: Database, hash: string): Promise<FoundLink | undefined> {
  const row = await database.selectFrom('setup_links').selectAll().where('hash', '=', hash).executeTakeFirst();
  if (row === undefined) return undefined;
  const { server, expires_at: expiresAt, profile } = row;
  const link = { hash, owner: ownerColumns(row), server, expiresAt, profile: profile ?? undefined };
  return { link, wasUsed: row.used_at !== null };
}

/** Marks a link as used and removes the profile; of several callers exactly one finds that it was not used. */
export async function useSetupLink(database: Database, hash: string, now: number): Promise<FoundLink | undefined> {
  const { numUpdatedRows } = await retryConflicts(() =>
    database
      .updateTable('setup_links')
      .set({ used_at: now, profile: null })
      .where('hash', '=', hash)
      .where('used_at', 'is', null)
      .executeTakeFirstOrThrow(),
  );
  const found = await findSetupLink(database, hash);
  return found && { ...found, wasUsed: numUpdatedRows === 0n };
}
