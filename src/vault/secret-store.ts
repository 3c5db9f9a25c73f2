import type { UserId } from '../auth/user.ts';
import { retryConflicts } from '../db/database-error.ts';
import type { Database } from '../db/open-database.ts';
import { readRevision } from '../db/revisions.ts';
import { ERASED, emptyLog, eraseRows, erasureHasher, hasRowsOf } from './erasures.ts';
import { isSameUser, linkOf, linksOfPerson } from './identity-rows.ts';
import { profileRows, putProfileRows } from './profile-rows.ts';
import { changeSecrets, secretChangesAfter } from './secret-changes.ts';
import {
  type FoundLink,
  type NewSecret,
  type OwnedUse,
  ownerColumns,
  type ProfileRow,
  placeColumns,
  putSecretRows,
  type RefusedCredentials,
  type SecretChange,
  type SecretPlace,
  type SecretRow,
  type SetupLinkRow,
  serverColumns,
  type ToolUse,
  toSecretRow,
  type VaultKeyRow,
} from './secret-rows.ts';
import { addToolUses, setRefusal } from './tool-uses.ts';

/** What a store offers, whatever it stores in. */
export type Store = Pick<SecretStore, keyof SecretStore>;

/** Stores what the vault must not forget, in SQLite or PostgreSQL. Every method rejects with the database's own error. */
export class SecretStore {
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

  /** The secrets of one owner, or of all, by owner, server and name. */
  async list(owner?: UserId): Promise<readonly SecretRow[]> {
    const all = this.#secrets();
    const rows = await (owner === undefined ? all : all.where((where) => where.and(ownerColumns(owner)))).execute();
    return rows.map(toSecretRow);
  }

  /** Stores all of them or none, and records one change for each owner and server, in one transaction. */
  put(secrets: readonly NewSecret[], now: number): Promise<number> {
    return changeSecrets(this.#database, now, async (transaction) => {
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
      return putSecretRows(transaction, rows);
    });
  }

  remove(place: SecretPlace, now: number): Promise<number> {
    return changeSecrets(this.#database, now, async (transaction) => {
      const { numDeletedRows } = await transaction
        .deleteFrom('secrets')
        .where((where) => where.and(placeColumns(place)))
        .executeTakeFirstOrThrow();
      return numDeletedRows > 0n ? [serverColumns(place.owner, place.server)] : [];
    });
  }

  /**
   * Removes everything about an owner and their linked identities in one transaction, and from the files as far as the database can; what is noted
   * of the owner at the same time brings nothing back.
   */
  async erase(owner: UserId, now: number): Promise<number> {
    const hashOf = await erasureHasher(this.#database);
    let count = 0n;
    await changeSecrets(this.#database, now, async (transaction) => {
      count = 0n;
      const person = (await linkOf(transaction, owner))?.person ?? owner;
      const others = (await linksOfPerson(transaction, person)).map(({ identity }) => identity);
      const erased = [owner, ...others.filter((one) => !isSameUser(one, owner))];
      for (const one of erased) {
        await eraseRows(transaction, one, hashOf(one), now);
        const { numDeletedRows } = await transaction
          .deleteFrom('secrets')
          .where((where) => where.and(ownerColumns(one)))
          .executeTakeFirstOrThrow();
        count += numDeletedRows;
      }
      return erased.map((one) => ({ issuer: ERASED, subject: hashOf(one), server: null }));
    });
    await emptyLog(this.#database);
    return Number(count);
  }

  /** How many secrets are under each key, by the key's id. */
  async countByKey(): Promise<ReadonlyMap<string, number>> {
    const secrets = this.#database.selectFrom('secrets').groupBy('key_id').orderBy('key_id');
    const rows = await secrets.select((select) => ['key_id', select.fn.countAll<number>().as('count')]).execute();
    return new Map(rows.map((row) => [row.key_id, Number(row.count)]));
  }

  /** Replaces the cipher text of the same version; `false` if it has changed meanwhile. */
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

  /** Records a change of an owner's secrets that changes none, after which every replica ends their sessions. */
  announce(owner: UserId, server: string | undefined, now: number): Promise<number> {
    const change = { ...ownerColumns(owner), server: server ?? null };
    return changeSecrets(this.#database, now, async () => [change]);
  }

  async keys(): Promise<readonly VaultKeyRow[]> {
    const keys = this.#database.selectFrom('vault_keys').selectAll();
    const rows = await keys.orderBy('created_at').orderBy('key_id').execute();
    return rows.map((row) => ({ keyId: row.key_id, check: row.check_value, createdAt: row.created_at }));
  }

  /** Stores a key's check value, unless there is one already. */
  async addKey({ keyId, check, createdAt }: VaultKeyRow): Promise<void> {
    await this.#database
      .insertInto('vault_keys')
      .values({ key_id: keyId, check_value: check, created_at: createdAt })
      .onConflict((conflict) => conflict.column('key_id').doNothing())
      .execute();
  }

  async addLink({ hash, owner, server, expiresAt, profile }: SetupLinkRow): Promise<void> {
    await this.#database
      .insertInto('setup_links')
      .values({ hash, ...serverColumns(owner, server), expires_at: expiresAt, used_at: null, profile: profile ?? null })
      .execute();
  }

  /** The link of a hash, unchanged. */
  async getLink(hash: string): Promise<FoundLink | undefined> {
    const row = await this.#database.selectFrom('setup_links').selectAll().where('hash', '=', hash).executeTakeFirst();
    if (row === undefined) return undefined;
    const { server, expires_at: expiresAt, profile } = row;
    const wasUsed = row.used_at !== null;
    return { hash, owner: ownerColumns(row), server, expiresAt, profile: profile ?? undefined, wasUsed };
  }

  /** Marks a link as used and removes its profile; `true` for exactly one of several callers. */
  async useLink(hash: string, now: number): Promise<boolean> {
    const { numUpdatedRows } = await retryConflicts(() =>
      this.#database
        .updateTable('setup_links')
        .set({ used_at: now, profile: null })
        .where('hash', '=', hash)
        .where('used_at', 'is', null)
        .executeTakeFirstOrThrow(),
    );
    return numUpdatedRows > 0n;
  }

  /** Records uses: the later time, and the calls added. */
  addUses(uses: readonly OwnedUse[]): Promise<void> {
    return retryConflicts(() => addToolUses(this.#database, uses));
  }

  /** The latest uses first. */
  recentUses(owner: UserId, limit: number): Promise<readonly ToolUse[]> {
    return this.#database
      .selectFrom('tool_uses')
      .select(['server', 'tool', 'last_used_at as lastUsedAt', 'calls'])
      .where((where) => where.and(ownerColumns(owner)))
      .orderBy('last_used_at', 'desc')
      .orderBy('server')
      .orderBy('tool')
      .limit(limit)
      .execute();
  }

  /** Since when a server refuses an owner's credentials; `undefined` removes the record. */
  markRefused(owner: UserId, server: string, since: number | undefined): Promise<void> {
    return retryConflicts(() => setRefusal(this.#database, owner, server, since));
  }

  async refused(owner: UserId): Promise<readonly RefusedCredentials[]> {
    const refusals = this.#database.selectFrom('refused_credentials').select(['server', 'since']).orderBy('server');
    return refusals.where((where) => where.and(ownerColumns(owner))).execute();
  }

  /** Whether anything is stored about a user that they, or an admin for them, have done; not a setup link. */
  async knows(owner: UserId): Promise<boolean> {
    for (const table of ['secrets', 'user_profiles', 'tool_uses', 'page_sessions', 'refused_credentials'] as const) {
      const rows = this.#database.selectFrom(table).select('subject');
      const { issuer, subject } = owner;
      const found = rows.where('issuer', '=', issuer).where('subject', '=', subject).limit(1);
      if ((await found.executeTakeFirst()) !== undefined) return true;
    }
    return false;
  }

  /** Whether there is anything of a user to erase. */
  hasAnythingOf(owner: UserId): Promise<boolean> {
    return hasRowsOf(this.#database, owner);
  }

  /** Writes what people know these users by. */
  putProfiles(profiles: readonly ProfileRow[]): Promise<void> {
    return retryConflicts(() => putProfileRows(this.#database, profiles));
  }

  /** The profiles of one user, or of all. */
  profiles(owner?: UserId): Promise<readonly ProfileRow[]> {
    return profileRows(this.#database, owner);
  }

  /** The number of the last change; 0 before the first. */
  revision(): Promise<number> {
    return readRevision(this.#database, 'secrets');
  }

  /** Changes after a revision, oldest first. Erased users are recognised among the `known` ones only. */
  changesAfter(revision: number, known: Iterable<UserId> = []): Promise<readonly SecretChange[]> {
    return secretChangesAfter(this.#database, revision, known);
  }

  /** Deletes links, changes and records of erasures from before these times. */
  async tidy(times: { readonly links: number; readonly changes: number; readonly erasures: number }): Promise<void> {
    await this.#database.deleteFrom('setup_links').where('expires_at', '<', times.links).execute();
    await this.#database.deleteFrom('secret_changes').where('changed_at', '<', times.changes).execute();
    await this.#database.deleteFrom('erased_users').where('erased_at', '<', times.erasures).execute();
  }

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
