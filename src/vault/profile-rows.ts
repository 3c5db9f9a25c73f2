import type { UserId } from '../auth/user.ts';
import type { Database } from '../db/open-database.ts';
import { withoutErased } from './erasures.ts';
import { lockChanges } from './secret-changes.ts';
import { inPortions, ownerColumns, type ProfileRow } from './secret-rows.ts';

/** Writes profiles of different users in one transaction; the profile of a user who was erased since is left out. */
export async function putProfileRows(database: Database, profiles: readonly ProfileRow[]): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    await lockChanges(transaction);
    const left = await withoutErased(transaction, profiles, ({ notedAt }) => notedAt);
    for (const some of inPortions(left)) {
      await transaction
        .insertInto('user_profiles')
        .values(
          some.map(({ owner, keyId, cipherText, notedAt }) => ({
            ...ownerColumns(owner),
            key_id: keyId,
            cipher_text: cipherText,
            noted_at: notedAt,
          })),
        )
        .onConflict((conflict) =>
          conflict.columns(['issuer', 'subject']).doUpdateSet(({ ref }) => ({
            key_id: ref('excluded.key_id'),
            cipher_text: ref('excluded.cipher_text'),
            noted_at: ref('excluded.noted_at'),
          })),
        )
        .execute();
    }
  });
}

/** The profiles of one user, or of all. */
export async function profileRows(database: Database, owner: UserId | undefined): Promise<readonly ProfileRow[]> {
  const all = database.selectFrom('user_profiles').selectAll();
  const rows = await (owner === undefined ? all : all.where((where) => where.and(ownerColumns(owner)))).execute();
  return rows.map((row) => ({
    owner: ownerColumns(row),
    keyId: row.key_id,
    cipherText: row.cipher_text,
    notedAt: row.noted_at,
  }));
}
