import { sql } from 'kysely';
import { toUserKey, type UserId } from '../auth/user.ts';
import { retryConflicts } from '../db/database-error.ts';
import type { Database } from '../db/open-database.ts';
import { readSnapshot, type TableName } from '../db/snapshot.ts';
import { UsageError } from '../errors.ts';
import { emptyLog, eraseRows, erasureHasher } from '../vault/erasures.ts';
import { lockChanges } from '../vault/secret-changes.ts';
import { inPortions, ownerColumns } from '../vault/secret-rows.ts';
import { type BackedUpTable, backedUpTables } from './backup-records.ts';
import type { StagedBackup } from './staging.ts';

/** Without them a database counts as empty: a service that was only started fills the others by itself. */
const CONTENT = [
  'secrets',
  'api_keys',
  'identity_links',
  'user_profiles',
  'verified_emails',
  'tool_uses',
  'refused_credentials',
] as const satisfies readonly BackedUpTable[];

/** Log-ins and links end with a restore, and replicas forget what they have in memory. */
const CLEARED = ['setup_links', 'page_sessions', 'secret_changes'] as const satisfies readonly TableName[];

/** Tables with users in them. */
const OWNED = [
  'secrets',
  'user_profiles',
  'identity_links',
  'verified_emails',
  'tool_uses',
  'refused_credentials',
] as const satisfies readonly BackedUpTable[];

export interface RestoreOptions {
  /** Whether what is in the database may be replaced. */
  readonly replaces: boolean;
  /** Whether anchors of the database were signed with the audit key that stays in use. */
  readonly keepsAnchors: boolean;
}

export interface RestoredRows {
  readonly rows: number;
  /** Users of the backup who were erased after it was made, and were not brought back. */
  readonly erased: number;
}

/** What a database holds that a restore would replace: the number of rows by table, none of it empty. */
export async function contentsOf(database: Database): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const table of CONTENT) {
    const counted = database.selectFrom(table).select(({ fn }) => fn.countAll<number>().as('count'));
    const { count } = await counted.executeTakeFirstOrThrow();
    if (Number(count) > 0) counts.set(table, Number(count));
  }
  return counts;
}

/**
 * Puts the rows of a backup into a database in one transaction, in place of its own. Users whom this database knows to
 * have been erased after the backup was made stay erased. Rejects with `UsageError` for a database that is not empty
 * unless `replaces`, or with the driver's error; nothing has changed then.
 */
export async function restoreRows(
  database: Database,
  staged: StagedBackup,
  { replaces, keepsAnchors }: RestoreOptions,
): Promise<RestoredRows> {
  const restored = await retryConflicts(() =>
    database.transaction().execute(async (transaction) => {
      await lockChanges(transaction);
      if (!replaces && (await contentsOf(transaction)).size > 0) throw new UsageError('The database is not empty.');
      const before = await readOwnFacts(transaction);
      const erased = await ownersErasedSince(transaction, staged, before.erasures);
      for (const table of CLEARED) await transaction.deleteFrom(table).execute();
      const rows = await copyTables(transaction, staged);
      await mergeRevisions(transaction, before.revisions);
      if (keepsAnchors) await keepLaterAnchors(transaction, before.anchors);
      await keepErasures(transaction, before, erased);
      return { rows, erased: erased.length };
    }),
  );
  await emptyLog(database);
  return restored;
}

type OwnFacts = Awaited<ReturnType<typeof readOwnFacts>>;

/** What the database knows better than an older backup. */
async function readOwnFacts(transaction: Database) {
  const key = await transaction.selectFrom('erasure_keys').selectAll().execute();
  return {
    erasureKey: key[0]?.value,
    erasures: await transaction.selectFrom('erased_users').selectAll().execute(),
    revisions: await transaction.selectFrom('revisions').selectAll().execute(),
    anchors: await transaction.selectFrom('audit_anchors').selectAll().execute(),
  };
}

interface ErasedOwner {
  readonly owner: UserId;
  /** Milliseconds since the epoch. */
  readonly erasedAt: number;
}

async function ownersErasedSince(
  transaction: Database,
  { database, header }: StagedBackup,
  erasures: OwnFacts['erasures'],
): Promise<readonly ErasedOwner[]> {
  const erasedAt = new Map(erasures.map((row) => [row.user_hash, row.erased_at]));
  if (erasedAt.size === 0) return [];
  const hashOf = await erasureHasher(transaction);
  const owners = await ownersIn(database);
  return owners.flatMap((owner) => {
    const time = erasedAt.get(hashOf(owner)) ?? 0;
    return time > header.createdAt ? [{ owner, erasedAt: time }] : [];
  });
}

async function ownersIn(database: Database): Promise<readonly UserId[]> {
  const owners = new Map<string, UserId>();
  const add = (owner: UserId) => owners.set(toUserKey(owner), owner);
  for (const table of OWNED) {
    const rows = await database.selectFrom(table).select(['issuer', 'subject']).distinct().execute();
    for (const row of rows) add(ownerColumns(row));
  }
  const keys = await database.selectFrom('api_keys').select(['user_issuer', 'user_subject']).execute();
  for (const { user_issuer: issuer, user_subject: subject } of keys) {
    if (issuer !== null && subject !== null) add({ issuer, subject });
  }
  return [...owners.values()];
}

/** Resolves to the number of rows. */
async function copyTables(transaction: Database, staged: StagedBackup): Promise<number> {
  const tables = backedUpTables.filter((table) => table !== 'revisions');
  return readSnapshot(staged.database, tables, async (snapshot) => {
    let total = 0;
    for (const table of tables) {
      let isCleared = false;
      for await (const rows of snapshot.rows(table)) {
        if (!isCleared) await transaction.deleteFrom(table).execute();
        isCleared = true;
        for (const some of inPortions(rows)) {
          await transaction
            .insertInto(table)
            .values(some as never)
            .execute();
        }
        total += rows.length;
      }
      // The key of hashes that are kept is kept with them.
      if (!isCleared && table !== 'erasure_keys') await transaction.deleteFrom(table).execute();
    }
    return total;
  });
}

/** Higher than before, so that every replica notices. */
async function mergeRevisions(transaction: Database, before: OwnFacts['revisions']): Promise<void> {
  for (const name of ['api_keys', 'secrets']) {
    const revision = (before.find((row) => row.name === name)?.revision ?? 0) + 1;
    await transaction
      .insertInto('revisions')
      .values({ name, revision })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ revision }))
      .execute();
  }
}

async function keepLaterAnchors(transaction: Database, before: OwnFacts['anchors']): Promise<void> {
  for (const { log, ...row } of before) {
    await transaction
      .insertInto('audit_anchors')
      .values({ log, ...row })
      .onConflict((conflict) =>
        conflict.column('log').doUpdateSet(row).where(sql<boolean>`audit_anchors.seq < ${row.seq}`),
      )
      .execute();
  }
}

/** Erases again who was erased since, and remembers it with the key that is now in the database. */
async function keepErasures(transaction: Database, before: OwnFacts, erased: readonly ErasedOwner[]): Promise<void> {
  const key = await transaction.selectFrom('erasure_keys').select('value').executeTakeFirst();
  if (key !== undefined && key.value === before.erasureKey) {
    for (const { user_hash, erased_at } of before.erasures) {
      await transaction
        .insertInto('erased_users')
        .values({ user_hash, erased_at })
        .onConflict((conflict) =>
          conflict
            .column('user_hash')
            .doUpdateSet({ erased_at })
            .where(sql<boolean>`erased_users.erased_at < ${erased_at}`),
        )
        .execute();
    }
  }
  if (erased.length === 0) return;
  const hashOf = await erasureHasher(transaction);
  for (const { owner, erasedAt } of erased) {
    await eraseRows(transaction, owner, hashOf(owner), erasedAt);
    await transaction
      .deleteFrom('secrets')
      .where((where) => where.and(ownerColumns(owner)))
      .execute();
  }
}
