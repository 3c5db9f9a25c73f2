import { hash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { LogInWay } from '../auth/page-sessions.ts';
import type { UserId } from '../auth/user.ts';
import { retryConflicts } from '../db/database-error.ts';
import type { Database } from '../db/open-database.ts';
import type { Tables } from '../db/tables.ts';
import { ownerColumns } from './secret-rows.ts';

/** A session that is in use is written down as often as this. */
const SEEN_EVERY_MS = 300_000;
const TIDY_EVERY_MS = 600_000;

/** The session at an OpenID provider that opened one of ours; the provider ends ours with its own. */
export interface ProviderSession {
  readonly issuer: string;
  /** The `sub` of the ID token, whichever claim names the user here. */
  readonly subject: string;
  /** The `sid` of the ID token; `undefined` where the provider sends none. */
  readonly sid: string | undefined;
}

/** What is recorded when somebody logs in to the pages. Times are milliseconds since the epoch. */
export interface NewPageSession {
  /** Random; the cookie holds it, the database its SHA-256. */
  readonly id: string;
  /** `undefined`: an admin whose key belongs to no user. */
  readonly owner: UserId | undefined;
  readonly way: LogInWay;
  /** The id of the API key that opened it. */
  readonly keyId: string | undefined;
  /** The browser in a few words, such as `Firefox on Linux`. */
  readonly browser: string | undefined;
  readonly provider: ProviderSession | undefined;
  readonly expiresAt: number;
}

/** A current log-in, to be listed. */
export interface ListedPageSession extends Pick<NewPageSession, 'owner' | 'way' | 'keyId' | 'browser' | 'expiresAt'> {
  /** Names the session in forms; it is no use as a cookie. */
  readonly handle: string;
  readonly createdAt: number;
  /** Exact to five minutes. */
  readonly lastSeenAt: number;
}

/** What a provider says has ended: one of its sessions, or all of a user's. */
export type ProviderLogOut = { readonly issuer: string } & (
  | { readonly sid: string; readonly subject: string | undefined }
  | { readonly sid: undefined; readonly subject: string }
);

/** What the store offers, whatever it stores in. */
export type PageSessionRegister = Pick<PageSessionStore, keyof PageSessionStore>;

/** The name of a session in lists and forms. */
export function toHandle(id: string): string {
  return hash('sha256', id);
}

/**
 * The current log-ins of the pages, for all replicas: a cookie without its row is not valid. Every method rejects with
 * the database's own error.
 */
export class PageSessionStore {
  readonly #database: Database;
  readonly #now: () => number;
  #tidiedAt = Number.NEGATIVE_INFINITY;

  constructor(database: Database, now: () => number = Date.now) {
    this.#database = database;
    this.#now = now;
  }

  /** Records a session; one of the same id gets the later end. */
  async begin({ id, owner, way, keyId, browser, provider, expiresAt }: NewPageSession): Promise<void> {
    const now = this.#now();
    const whose = owner === undefined ? { issuer: null, subject: null } : ownerColumns(owner);
    const row = {
      hash: toHandle(id),
      ...whose,
      expires_at: expiresAt,
      created_at: now,
      last_seen_at: now,
      way,
      key_id: keyId ?? null,
      browser: browser ?? null,
      provider_issuer: provider?.issuer ?? null,
      provider_subject: provider?.subject ?? null,
      provider_sid: provider?.sid ?? null,
    };
    await retryConflicts(() =>
      this.#database
        .insertInto('page_sessions')
        .values(row)
        .onConflict((conflict) => conflict.column('hash').doUpdateSet({ expires_at: expiresAt }))
        .execute(),
    );
    await this.#tidy();
  }

  /** `false` for a session that was ended, has expired, or whose owner was erased. Notes now and then that it is in use. */
  async isCurrent(id: string): Promise<boolean> {
    const now = this.#now();
    const row = await this.#database
      .selectFrom('page_sessions')
      .select('last_seen_at')
      .where('hash', '=', toHandle(id))
      .where('expires_at', '>', now)
      .executeTakeFirst();
    if (row === undefined) return false;
    if (now - row.last_seen_at >= SEEN_EVERY_MS) await this.#see(toHandle(id), now);
    return true;
  }

  /** The current sessions of one owner, or of all; the latest in use first. */
  async list(owner?: UserId): Promise<readonly ListedPageSession[]> {
    const all = this.#database
      .selectFrom('page_sessions')
      .selectAll()
      .where('expires_at', '>', this.#now())
      .orderBy('last_seen_at', 'desc')
      .orderBy('hash');
    const rows = await (owner === undefined ? all : all.where((where) => where.and(ownerColumns(owner)))).execute();
    return rows.map(toListed);
  }

  async end(id: string): Promise<void> {
    await this.#database.deleteFrom('page_sessions').where('hash', '=', toHandle(id)).execute();
  }

  /** Ends the session that a list names, if it is this owner's; of any owner without one. `false` if there is none. */
  async endListed(handle: string, owner?: UserId): Promise<boolean> {
    const named = this.#database.deleteFrom('page_sessions').where('hash', '=', handle);
    const deleted = owner === undefined ? named : named.where((where) => where.and(ownerColumns(owner)));
    return (await deleted.executeTakeFirstOrThrow()).numDeletedRows > 0n;
  }

  /** Ends all sessions of an owner; returns how many there were. */
  async endAllOf(owner: UserId): Promise<number> {
    const { numDeletedRows } = await this.#database
      .deleteFrom('page_sessions')
      .where((where) => where.and(ownerColumns(owner)))
      .executeTakeFirstOrThrow();
    return Number(numDeletedRows);
  }

  /**
   * Ends what a provider has ended; returns the owners of the sessions. A notice counts once, on whichever replica, until
   * it expires: `undefined` if it was used before. Both or neither: after a failure the
   * provider sends it again.
   */
  async endOfProvider(
    { issuer, sid, subject }: ProviderLogOut,
    notice: { readonly id: string; readonly expiresAt: number },
  ): Promise<readonly UserId[] | undefined> {
    const rows = await retryConflicts(() =>
      this.#database.transaction().execute(async (transaction) => {
        const { numInsertedOrUpdatedRows = 0n } = await transaction
          .insertInto('used_ids')
          .values({ hash: toHandle(notice.id), expires_at: notice.expiresAt })
          .onConflict((conflict) => conflict.column('hash').doNothing())
          .executeTakeFirstOrThrow();
        if (numInsertedOrUpdatedRows === 0n) return undefined;
        let ended = transaction.deleteFrom('page_sessions').where('provider_issuer', '=', issuer);
        if (subject !== undefined) ended = ended.where('provider_subject', '=', subject);
        if (sid !== undefined) {
          const isSession = ended.where('provider_sid', '=', sid);
          // Of a session without a `sid` it is not known which one it belongs to.
          ended =
            subject === undefined
              ? isSession
              : ended.where((where) => where.or([where('provider_sid', '=', sid), where('provider_sid', 'is', null)]));
        }
        return ended.returning(['issuer', 'subject']).execute();
      }),
    );
    await this.#tidy();
    return rows?.flatMap(({ issuer: whose, subject: who }) =>
      whose === null || who === null ? [] : [{ issuer: whose, subject: who }],
    );
  }

  async #see(handle: string, now: number): Promise<void> {
    await this.#database
      .updateTable('page_sessions')
      .set({ last_seen_at: now })
      .where('hash', '=', handle)
      .execute()
      // Another replica may hold the row: the time is not worth a failed page.
      .catch(() => undefined);
  }

  /** Now and then; the caller is not concerned whether it works. */
  async #tidy(): Promise<void> {
    const now = this.#now();
    if (now - this.#tidiedAt < TIDY_EVERY_MS) return;
    this.#tidiedAt = now;
    try {
      await this.#database.deleteFrom('page_sessions').where('expires_at', '<', now).execute();
      await this.#database.deleteFrom('used_ids').where('expires_at', '<', now).execute();
    } catch {
      // The next one does it.
    }
  }
}

function toListed(row: Selectable<Tables['page_sessions']>): ListedPageSession {
  return {
    handle: row.hash,
    owner: row.issuer === null || row.subject === null ? undefined : { issuer: row.issuer, subject: row.subject },
    way: row.way,
    keyId: row.key_id ?? undefined,
    browser: row.browser ?? undefined,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    expiresAt: row.expires_at,
  };
}
