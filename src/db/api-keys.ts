import type { Selectable } from 'kysely';
import type { ApiKeyRecord } from '../auth/auth-settings.ts';
import type { Database } from './open-database.ts';
import { addToRevision, readRevision } from './revisions.ts';
import type { Tables } from './tables.ts';

/** The API keys in the database. Every method rejects with the database's own error. */
export class ApiKeys {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Changes with every key that is made or revoked. */
  revision(): Promise<number> {
    return readRevision(this.#database, 'api_keys');
  }

  /** All keys, expired ones too, by id. */
  async list(): Promise<readonly ApiKeyRecord[]> {
    const rows = await this.#database.selectFrom('api_keys').selectAll().execute();
    // Sorted here: PostgreSQL may have been set up for the order of a language.
    return rows.map(toApiKeyRecord).sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  /** Stores a new key; `false`, and nothing has changed, if the id is taken. */
  create(key: ApiKeyRecord): Promise<boolean> {
    return this.#change(async (transaction) => {
      const result = await transaction
        .insertInto('api_keys')
        .values(toRow(key))
        .onConflict((conflict) => conflict.column('id').doNothing())
        .executeTakeFirst();
      return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
    });
  }

  /** Deletes a key; `false` if there is none of that id. */
  revoke(id: string): Promise<boolean> {
    return this.#change(async (transaction) => {
      const result = await transaction.deleteFrom('api_keys').where('id', '=', id).executeTakeFirst();
      return result.numDeletedRows > 0n;
    });
  }

  /** Records when keys were used, unless a later use is recorded already. Unknown ids are ignored. */
  async markUsed(uses: ReadonlyMap<string, number>): Promise<void> {
    if (uses.size === 0) return;
    await this.#database.transaction().execute(async (transaction) => {
      for (const [id, usedAt] of uses) {
        const last_used_at = toText(usedAt);
        await transaction
          .updateTable('api_keys')
          .set({ last_used_at })
          .where('id', '=', id)
          .where((where) => where.or([where('last_used_at', 'is', null), where('last_used_at', '<', last_used_at)]))
          .execute();
      }
    });
  }

  /** Runs a change, and counts it if there was one: in one transaction, so that readers see both or neither. */
  #change(change: (transaction: Database) => Promise<boolean>): Promise<boolean> {
    return this.#database.transaction().execute(async (transaction) => {
      const hasChanged = await change(transaction);
      if (hasChanged) await addToRevision(transaction, 'api_keys', 1);
      return hasChanged;
    });
  }
}

type Row = Selectable<Tables['api_keys']>;

function toRow(key: ApiKeyRecord): Row {
  return {
    id: key.id,
    hash: key.hash,
    scopes: JSON.stringify(key.scopes),
    user_issuer: key.user?.issuer ?? null,
    user_subject: key.user?.subject ?? null,
    asserts_user: key.assertsUser ? 1 : 0,
    expires_at: key.expiresAt === undefined ? null : toText(key.expiresAt),
    last_used_at: key.lastUsedAt === undefined ? null : toText(key.lastUsedAt),
    created_at: toText(key.createdAt),
  };
}

/** A damaged row grants nothing, and the others can still be read. */
function toApiKeyRecord(row: Row): ApiKeyRecord {
  const hasUser = row.user_issuer !== null && row.user_subject !== null;
  return {
    id: row.id,
    hash: row.hash,
    scopes: parseScopes(row.scopes),
    user: hasUser ? { issuer: String(row.user_issuer), subject: String(row.user_subject) } : undefined,
    assertsUser: row.asserts_user === 1,
    expiresAt: row.expires_at === null ? undefined : toTime(row.expires_at),
    lastUsedAt: row.last_used_at === null ? undefined : toTime(row.last_used_at),
    createdAt: toTime(row.created_at),
  };
}

function parseScopes(text: string): readonly string[] {
  try {
    const scopes: unknown = JSON.parse(text);
    return Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : [];
  } catch {
    return [];
  }
}

function toText(time: number): string {
  return new Date(time).toISOString();
}

/** An unreadable time is long ago: a key with an unreadable expiry has expired. */
function toTime(text: string): number {
  const time = Date.parse(text);
  return Number.isNaN(time) ? 0 : time;
}
