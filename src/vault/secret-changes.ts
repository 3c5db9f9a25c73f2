import type { UserId } from '../auth/user.ts';
import { retryConflicts } from '../db/database-error.ts';
import type { Database } from '../db/open-database.ts';
import { addToRevision, readRevision } from '../db/revisions.ts';
import { ERASED, erasureHasher } from './erasures.ts';
import { inPortions, ownerColumns, type SecretChange, type SecretPlace } from './secret-rows.ts';

type Change = Pick<SecretPlace, 'owner'> & { readonly server: string | undefined };

/**
 * Makes a change of secrets and records it, in one transaction. It holds the row of the revision from its first
 * statement to its end: changes are made one after the other, and a reader of a revision sees all changes before it.
 * `change` may be run again; it returns whose secrets it changed, and how many, which is what this resolves to.
 */
export function changeSecrets(
  database: Database,
  now: number,
  change: (transaction: Database) => Promise<{ readonly count: number; readonly changes: readonly Change[] }>,
): Promise<number> {
  return retryConflicts(() =>
    database.transaction().execute(async (transaction) => {
      await lockChanges(transaction);
      const { count, changes } = await change(transaction);
      if (changes.length > 0) await recordChanges(transaction, changes, now);
      return count;
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
  const rows = changes.map(({ owner, server }, index) => ({
    revision: before + index + 1,
    ...ownerColumns(owner),
    server: server ?? null,
    changed_at: now,
  }));
  for (const some of inPortions(rows)) await transaction.insertInto('secret_changes').values(some).execute();
}

/** Different owners and servers among the places, once each. */
export function toChanges(places: readonly (UserId & { readonly server: string })[]): readonly Change[] {
  const changes = places.map((place) => ({ owner: ownerColumns(place), server: place.server }));
  return [...new Map(changes.map((change) => [JSON.stringify(change), change])).values()];
}
