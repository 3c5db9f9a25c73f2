import { createHmac, randomBytes } from 'node:crypto';
import { SqliteAdapter, sql } from 'kysely';
import { toUserKey, type UserId } from '../auth/user.ts';
import type { Database } from '../db/open-database.ts';
import { addToRevision } from '../db/revisions.ts';
import { ownerColumns } from './secret-rows.ts';

/**
 * How long after an erasure no use of the user is stored: longer than a note of use is pending, and than the clocks of
 * replicas differ. If the user keeps using the service, their uses are stored again after that.
 */
const NO_NOTES_MS = 60_000;

/** How long an erasure is remembered, by a hash: a backup that is restored within that time brings no user back. */
export const ERASURES_KEPT_MS = 400 * 86_400_000;

/** Whose rows name a user, but for secrets. */
const OWNED_TABLES = [
  'tool_uses',
  'refused_credentials',
  'setup_links',
  'page_sessions',
  'user_profiles',
  'identity_links',
  'verified_emails',
  'secret_changes',
] as const;

/** The issuer of an erased user, whose subject is a hash. */
export const ERASED = '';

/** Hashes users with the database's own key: an erasure is remembered for a while without the id that it erases. */
export async function erasureHasher(database: Database): Promise<(owner: UserId) => string> {
  await database
    .insertInto('erasure_keys')
    .values({ id: 1, value: randomBytes(32).toString('base64') })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
  const { value } = await database
    .selectFrom('erasure_keys')
    .select('value')
    .where('id', '=', 1)
    .executeTakeFirstOrThrow();
  const key = Buffer.from(value, 'base64');
  return (owner) => createHmac('sha256', key).update(toUserKey(owner)).digest('base64url');
}

/** Deletes every row that names a user but for secrets, and remembers the erasure by its hash. */
export async function eraseRows(transaction: Database, owner: UserId, hash: string, now: number): Promise<void> {
  // Uses before secrets, as they are written down: in another order two could wait for each other. The earlier changes
  // are covered by the one that is noted now, and name the owner.
  for (const table of OWNED_TABLES) {
    await transaction
      .deleteFrom(table)
      .where((where) => where.and(ownerColumns(owner)))
      .execute();
  }
  await eraseApiKeys(transaction, owner);
  await eraseCatalogues(transaction, owner);
  await transaction
    .insertInto('erased_users')
    .values({ user_hash: hash, erased_at: now })
    .onConflict((conflict) => conflict.column('user_hash').doUpdateSet({ erased_at: now }))
    .execute();
}

/** Whether there is any row that an erasure of this user would delete, but for catalogues. */
export async function hasRowsOf(database: Database, owner: UserId): Promise<boolean> {
  for (const table of ['secrets', ...OWNED_TABLES] as const) {
    const rows = database.selectFrom(table).select('subject');
    const found = rows.where('issuer', '=', owner.issuer).where('subject', '=', owner.subject).limit(1);
    if ((await found.executeTakeFirst()) !== undefined) return true;
  }
  const keys = database.selectFrom('api_keys').select('id').where('user_issuer', '=', owner.issuer);
  return (await keys.where('user_subject', '=', owner.subject).limit(1).executeTakeFirst()) !== undefined;
}

/**
 * Of these notes, those whose users were not erased since. To be called in a transaction that holds the row of the
 * revision, as an erasure does: neither can slip in between the other's statements.
 */
export async function withoutErased<Note extends { readonly owner: UserId }>(
  transaction: Database,
  notes: readonly Note[],
  timeOf: (note: Note) => number,
): Promise<readonly Note[]> {
  const erased = await transaction.selectFrom('erased_users').selectAll().execute();
  if (erased.length === 0) return notes;
  const erasedAt = new Map(erased.map((row) => [row.user_hash, row.erased_at]));
  const hashOf = await erasureHasher(transaction);
  return notes.filter(
    (note) => timeOf(note) > (erasedAt.get(hashOf(note.owner)) ?? Number.NEGATIVE_INFINITY) + NO_NOTES_MS,
  );
}

/**
 * Takes what was deleted out of the files too: SQLite overwrites deleted rows (`secure_delete`), and the log of what was
 * written before is emptied. PostgreSQL keeps deleted rows until its VACUUM, and its own logs and backups longer.
 */
export async function emptyLog(database: Database): Promise<void> {
  if (database.getExecutor().adapter instanceof SqliteAdapter)
    await sql`pragma wal_checkpoint(truncate)`.execute(database);
}

/** A personal key names its user. */
async function eraseApiKeys(transaction: Database, { issuer, subject }: UserId): Promise<void> {
  const { numDeletedRows } = await transaction
    .deleteFrom('api_keys')
    .where('user_issuer', '=', issuer)
    .where('user_subject', '=', subject)
    .executeTakeFirstOrThrow();
  if (numDeletedRows > 0n) await addToRevision(transaction, 'api_keys', 1);
}

/** A list of tools in which a server has named the user is read again when it is needed. */
async function eraseCatalogues(transaction: Database, { subject }: UserId): Promise<void> {
  const json = JSON.stringify(subject).slice(1, -1);
  const rows = await transaction.selectFrom('catalogues').select(['server', 'content']).execute();
  for (const { server, content } of rows) {
    if (!namesUser(content, json)) continue;
    await transaction.deleteFrom('catalogues').where('server', '=', server).execute();
  }
}

/** As a word of its own: a subject may be a single letter. */
function namesUser(content: string, subject: string): boolean {
  for (let at = content.indexOf(subject); at >= 0; at = content.indexOf(subject, at + 1)) {
    const around = (content[at - 1] ?? '') + (content[at + subject.length] ?? '');
    if (subject.length >= 8 || !/[\p{L}\p{N}_]/u.test(around)) return true;
  }
  return false;
}
