import type { UserId } from '../auth/user.ts';
import type { Database } from '../db/open-database.ts';
import { retryConflicts } from '../db/retry-conflicts.ts';
import { ERASED, emptyLog, eraseRows, erasureHasher } from './erasures-sql.ts';
import { addPageSession, hasPageSession } from './page-sessions-sql.ts';
import { changeSecrets, secretChangesAfter, secretRevision, toChanges } from './secret-changes-sql.ts';
import { ownerColumns, placeColumns, putSecretRows, serverColumns, toSecretRow } from './secret-rows-sql.ts';
import type {
  FoundLink,
  NewSecret,
  PageSessionRow,
  SecretChange,
  SecretPlace,
  SecretRow,
  SecretStore,
  SetupLinkRow,
  VaultKeyRow,
} from './secret-store.ts';
import { addSetupLink, findSetupLink, useSetupLink } from './setup-links-sql.ts';
import { addRefusal, addToolUses } from './tool-uses-sql.ts';
import type { RefusedCredentials, ToolUse } from './vault.ts';

/** The secret store in the database, SQLite or PostgreSQL. */
export class SqlSecretStore implements SecretStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async get(owner: UserId, server: string): Promise<readonly SecretRow[]> {
    const rows = await this.#secrets()
      .where((where) => where.and(serverColumns(owner, server)))
      .execute();
    return rows.map(toSecretRow);
  }

  async list(owner?: UserId): Promise<readonly SecretRow[]> {
    const all = this.#secrets();
    const rows = await (owner === undefined ? all : all.where((where) => where.and(ownerColumns(owner)))).execute();
    return rows.map(toSecretRow);
  }

  async put(secrets: readonly NewSecret[], now: number): Promise<void> {
    await changeSecrets(this.#database, now, async (transaction) => {
      const rows: SecretRow[] = [];
      for (const { place, seal, lastFour } of secrets) {
        const before = await transaction
          .selectFrom('secrets')
          .select('version')
          .where((where) => where.and(placeColumns(place)))
          .executeTakeFirst();
        const version = (before?.version ?? 0) + 1;
        rows.push({ ...place, version, ...seal(version), lastFour, updatedAt: now, lastUsedAt: undefined });
      }
      const written = await putSecretRows(transaction, rows, true);
      return { result: undefined, changes: toChanges(written) };
    });
  }

  remove(place: SecretPlace, now: number): Promise<boolean> {
    return changeSecrets(this.#database, now, async (transaction) => {
      const { numDeletedRows } = await transaction
        .deleteFrom('secrets')
        .where((where) => where.and(placeColumns(place)))
        .executeTakeFirstOrThrow();
      const isRemoved = numDeletedRows > 0n;
      return { result: isRemoved, changes: isRemoved ? [place] : [] };
    });
  }

  async erase(owner: UserId, now: number): Promise<number> {
    const hashOf = await erasureHasher(this.#database);
    const hash = hashOf(owner);
    const count = await changeSecrets(this.#database, now, async (transaction) => {
      await eraseRows(transaction, owner, hash, now);
      const { numDeletedRows } = await transaction
        .deleteFrom('secrets')
        .where((where) => where.and(ownerColumns(owner)))
        .executeTakeFirstOrThrow();
      const change = { owner: { issuer: ERASED, subject: hash }, server: undefined };
      return { result: Number(numDeletedRows), changes: [change] };
    });
    await emptyLog(this.#database);
    return count;
  }

  async listNotUnder(keyId: string, limit: number, after?: SecretPlace): Promise<readonly SecretRow[]> {
    const all = this.#secrets().where('key_id', '!=', keyId).limit(limit);
    const rows = await (after === undefined
      ? all
      : all.where(({ eb, refTuple, tuple }) => {
          const { issuer, subject } = after.owner;
          const place = refTuple('issuer', 'subject', 'server', 'name');
          return eb(place, '>', tuple(issuer, subject, after.server, after.name));
        })
    ).execute();
    return rows.map(toSecretRow);
  }

  async rewrap(row: SecretRow, keyId: string, cipherText: string): Promise<boolean> {
    const { numUpdatedRows } = await retryConflicts(() =>
      this.#database
        .updateTable('secrets')
        .set({ key_id: keyId, cipher_text: cipherText })
        .where((where) => where.and(placeColumns(row)))
        .where('version', '=', row.version)
        // A place that was emptied and filled again begins with the same version.
        .where('cipher_text', '=', row.cipherText)
        .executeTakeFirstOrThrow(),
    );
    return numUpdatedRows > 0n;
  }

  restore(rows: readonly SecretRow[], replaces: boolean, now: number): Promise<number> {
    return changeSecrets(this.#database, now, async (transaction) => {
      const written = await putSecretRows(transaction, rows, replaces);
      return { result: written.length, changes: toChanges(written) };
    });
  }

  async keys(): Promise<readonly VaultKeyRow[]> {
    const rows = await this.#database
      .selectFrom('vault_keys')
      .selectAll()
      .orderBy('created_at')
      .orderBy('key_id')
      .execute();
    return rows.map((row) => ({ keyId: row.key_id, check: row.check_value, createdAt: row.created_at }));
  }

  async addKey({ keyId, check, createdAt }: VaultKeyRow): Promise<VaultKeyRow> {
    await this.#database
      .insertInto('vault_keys')
      .values({ key_id: keyId, check_value: check, created_at: createdAt })
      .onConflict((conflict) => conflict.column('key_id').doNothing())
      .execute();
    const kept = await this.#database
      .selectFrom('vault_keys')
      .selectAll()
      .where('key_id', '=', keyId)
      .executeTakeFirstOrThrow();
    return { keyId, check: kept.check_value, createdAt: kept.created_at };
  }

  addLink(row: SetupLinkRow): Promise<void> {
    return addSetupLink(this.#database, row);
  }

  getLink(hash: string): Promise<FoundLink | undefined> {
    return findSetupLink(this.#database, hash);
  }

  useLink(hash: string, now: number): Promise<FoundLink | undefined> {
    return useSetupLink(this.#database, hash, now);
  }

  async removeLinks(time: number): Promise<void> {
    await this.#database.deleteFrom('setup_links').where('expires_at', '<', time).execute();
  }

  addSession(row: PageSessionRow): Promise<void> {
    return addPageSession(this.#database, row);
  }

  hasSession(hash: string, now: number): Promise<boolean> {
    return hasPageSession(this.#database, hash, now);
  }

  async endSession(hash: string): Promise<void> {
    await this.#database.deleteFrom('page_sessions').where('hash', '=', hash).execute();
  }

  async removeSessions(time: number): Promise<void> {
    await this.#database.deleteFrom('page_sessions').where('expires_at', '<', time).execute();
  }

  async addUses(uses: readonly (ToolUse & { readonly owner: UserId })[]): Promise<void> {
    await retryConflicts(() => addToolUses(this.#database, uses));
  }

  async recentUses(owner: UserId, limit: number): Promise<readonly ToolUse[]> {
    const rows = await this.#database
      .selectFrom('tool_uses')
      .select(['server', 'tool', 'last_used_at', 'calls'])
      .where((where) => where.and(ownerColumns(owner)))
      .orderBy('last_used_at', 'desc')
      .orderBy('server')
      .orderBy('tool')
      .limit(limit)
      .execute();
    return rows.map(({ server, tool, last_used_at, calls }) => ({ server, tool, lastUsedAt: last_used_at, calls }));
  }

  async markRefused(owner: UserId, server: string, since: number | undefined): Promise<void> {
    if (since === undefined) {
      await this.#database
        .deleteFrom('refused_credentials')
        .where((where) => where.and(serverColumns(owner, server)))
        .execute();
      return;
    }
    await retryConflicts(() => addRefusal(this.#database, owner, server, since));
  }

  async refused(owner: UserId): Promise<readonly RefusedCredentials[]> {
    return this.#database
      .selectFrom('refused_credentials')
      .select(['server', 'since'])
      .where((where) => where.and(ownerColumns(owner)))
      .orderBy('server')
      .execute();
  }

  revision(): Promise<number> {
    return secretRevision(this.#database);
  }

  changesAfter(revision: number, known: Iterable<UserId> = []): Promise<readonly SecretChange[]> {
    return secretChangesAfter(this.#database, revision, known);
  }

  async removeChanges(time: number): Promise<void> {
    await this.#database.deleteFrom('secret_changes').where('changed_at', '<', time).execute();
    await this.#database.deleteFrom('erased_users').where('erased_at', '<', time).execute();
  }

  /** All secrets, by owner, server and name. */
  #secrets() {
    return this.#database
      .selectFrom('secrets')
      .selectAll()
      .orderBy('issuer')
      .orderBy('subject')
      .orderBy('server')
      .orderBy('name');
  }
}
