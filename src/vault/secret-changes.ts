import type { Selectable } from 'kysely';
import type { UserId } from '../auth/user.ts';
import { retryConflicts } from '../db/database-error.ts';
import type { Database } from '../db/open-database.ts';
import { addToRevision, readRevision } from '../db/revisions.ts';
import type { Tables } from '../db/tables.ts';
import { ERASED, erasureHasher } from './erasures.ts';
import { inPortions, ownerColumns, type SecretChange } from './secret-rows.ts';

/** Whose secrets were changed; without a server all of theirs. */
type Change = Pick<Selectable<Tables['secret_changes']>, 'issuer' | 'subject' | 'server'>;

/**
 * Makes a change of secrets and records it, in one transaction. It holds the row of the revision from its first
 * statement to its end: changes are made one after the other, and a reader of a revision sees all changes before it.
 * `change` may be run again; it returns one entry for each secret that it changed. Resolves to how many there are.
 */
export function changeSecrets(
  database: Database,
  now: number,
  change: (transaction: Database) => Promise<readonly Change[]>,
): Promise<number> {
  return retryConflicts(() =>
    database.transaction().execute(async (transaction) => {
      await lockChanges(transaction);
      const changes = await change(transaction);
      const distinct = [...new Map(changes.map((one) => [JSON.stringify(one), one])).values()];
      if (distinct.length > 0) await recordChanges(transaction, distinct, now);
      return changes.length;
    }),
  );
}

/** Changes after a revision, oldest first. */
export async function secretChangesAfter(
  database: Database,
  after: number,
  known: Iterable<UserId>,
): Promise<readonly SecretChange[]> {
  const rows = await database
    .selectFrom('secret_changes')
    .selectAll()
    .where('revision', '>', after)
    .orderBy('revision')
    .execute();
  const changes = rows.map(({ revision, server, ...owner }) => ({
    revision,
    owner: ownerColumns(owner),
    server: server ?? undefined,
  }));
  if (changes.every(({ owner }) => owner.issuer !== ERASED)) return changes;
  const hashOf = await erasureHasher(database);
  const byHash = new Map([...known].map((owner) => [hashOf(owner), owner]));
  return changes.map((change) =>
    change.owner.issuer === ERASED ? { ...change, owner: byHash.get(change.owner.subject) } : change,
  );
}

/** Lets no change of secrets begin or end before this transaction does. */
export function lockChanges(transaction: Database): Promise<void> {
  return addToRevision(transaction, 'secrets', 0);
}

async function recordChanges(transaction: Database, changes: readonly Change[], now: number): Promise<void> {
  const before = await readRevision(transaction, 'secrets');
  await addToRevision(transaction, 'secrets', changes.length);
  const rows = changes.map((change, index) => ({ ...change, revision: before + index + 1, changed_at: now }));
  for (const some of inPortions(rows)) await transaction.insertInto('secret_changes').values(some).execute();
}
