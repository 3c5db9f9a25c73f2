import type { UserId } from '../auth/user.ts';
import type { RefusedCredentials, ToolUse } from './vault.ts';

/** Where a secret lies; its cipher text is bound to all of it, so that no row can stand in for another. */
export interface SecretPlace {
  readonly owner: UserId;
  readonly server: string;
  readonly name: string;
}

/** A secret as it is kept. Times are milliseconds since the epoch. */
export interface SecretRow extends SecretPlace {
  /** Counts the values that were set in this place: 1, 2, … */
  readonly version: number;
  /** Which key-encryption key wrapped its data key. */
  readonly keyId: string;
  /** Made and read by `cipher.ts` only. */
  readonly cipherText: string;
  readonly lastFour: string | undefined;
  readonly updatedAt: number;
  readonly lastUsedAt: number | undefined;
}

/** A key that has been used in this vault, with what proves that a key is that one. */
export interface VaultKeyRow {
  readonly keyId: string;
  readonly check: string;
  readonly createdAt: number;
}

export interface SetupLinkRow {
  /** SHA-256 of the token, lower-case hex. */
  readonly hash: string;
  readonly owner: UserId;
  readonly server: string;
  readonly expiresAt: number;
  /** Made and read by `link-profile.ts` only. */
  readonly profile: string | undefined;
}

export interface FoundLink {
  readonly link: SetupLinkRow;
  /** Whether it was used before this call. */
  readonly wasUsed: boolean;
}

/** A log-in of the pages that is not over. */
export interface PageSessionRow {
  /** SHA-256 of the session's id, lower-case hex. */
  readonly hash: string;
  /** `undefined`: an admin whose key belongs to no user. */
  readonly owner: UserId | undefined;
  readonly expiresAt: number;
}

/** A value to be stored; `seal` encrypts it for the version that the place gets. */
export interface NewSecret {
  readonly place: SecretPlace;
  readonly seal: (version: number) => Pick<SecretRow, 'keyId' | 'cipherText'>;
  readonly lastFour: string | undefined;
}

export interface SecretChange {
  /** Grows with every change, in the order in which they were made. */
  readonly revision: number;
  /** `undefined`: a user who was erased, and is none of those that were asked for. */
  readonly owner: UserId | undefined;
  /** `undefined`: everything of the owner. */
  readonly server: string | undefined;
}

/** Keeps what the vault must not forget. Every method rejects with the database's own error. */
export interface SecretStore {
  get(owner: UserId, server: string): Promise<readonly SecretRow[]>;
  /** One owner's, or everybody's, by owner, server and name. */
  list(owner?: UserId): Promise<readonly SecretRow[]>;
  /** Stores all of them or none, and notes one change for each owner and server, in one transaction. */
  put(secrets: readonly NewSecret[], now: number): Promise<void>;
  remove(place: SecretPlace, now: number): Promise<boolean>;
  /**
   * Removes everything about an owner in one transaction, and from the files as far as the database can; what is noted
   * of the owner at the same time does not bring anything back. Returns how many secrets there were.
   */
  erase(owner: UserId, now: number): Promise<number>;
  /** Secrets that were wrapped with another key than this one, at most `limit`, in a fixed order after `after`. */
  listNotUnder(keyId: string, limit: number, after?: SecretPlace): Promise<readonly SecretRow[]>;
  /** Replaces the cipher text of the same version; `false` if it was changed meanwhile. */
  rewrap(row: SecretRow, keyId: string, cipherText: string): Promise<boolean>;
  /** Puts back rows of a backup as they are; a place that is taken keeps what it has unless `replaces`. Returns how many were written. */
  restore(rows: readonly SecretRow[], replaces: boolean, now: number): Promise<number>;

  keys(): Promise<readonly VaultKeyRow[]>;
  /** Keeps a key's check value, unless one is kept already; returns the one that is kept. */
  addKey(row: VaultKeyRow): Promise<VaultKeyRow>;

  addLink(row: SetupLinkRow): Promise<void>;
  /** The link of a hash, left as it is. */
  getLink(hash: string): Promise<FoundLink | undefined>;
  /** Marks the link as used, by exactly one caller; `undefined` where there is none of that hash. */
  useLink(hash: string, now: number): Promise<FoundLink | undefined>;
  /** Forgets links that expired before `time`. */
  removeLinks(time: number): Promise<void>;

  addSession(row: PageSessionRow): Promise<void>;
  /** `false` for a session that was ended, has expired, or whose owner was erased. */
  hasSession(hash: string, now: number): Promise<boolean>;
  endSession(hash: string): Promise<void>;
  /** Forgets sessions that expired before `time`. */
  removeSessions(time: number): Promise<void>;

  /** Writes down uses: the later time, and the calls added. */
  addUses(uses: readonly (ToolUse & { readonly owner: UserId })[]): Promise<void>;
  recentUses(owner: UserId, limit: number): Promise<readonly ToolUse[]>;
  /** Since when a server refuses an owner's credentials; `undefined` takes the note back. */
  markRefused(owner: UserId, server: string, since: number | undefined): Promise<void>;
  refused(owner: UserId): Promise<readonly RefusedCredentials[]>;

  /** The number of the last change; 0 before the first. */
  revision(): Promise<number>;
  /** Changes after a revision, oldest first. Erased users are recognised among the `known` ones only. */
  changesAfter(revision: number, known?: Iterable<UserId>): Promise<readonly SecretChange[]>;
  /** Forgets changes made before `time`. */
  removeChanges(time: number): Promise<void>;
}
