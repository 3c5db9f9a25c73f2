import type { UserId } from '../auth/user.ts';
import type { LinkProfile } from './link-profile.ts';

/** Whose values a link sets, and for which server. */
export interface SetupLink {
  readonly owner: UserId;
  readonly server: string;
  /** As far as it was known when the link was made. */
  readonly profile: LinkProfile;
}

/** What is told of a secret, and all that ever is. Times are milliseconds since the epoch. */
export interface SecretFacts {
  readonly owner: UserId;
  readonly server: string;
  readonly name: string;
  readonly updatedAt: number;
  readonly lastUsedAt: number | undefined;
  /** The value's last four characters; kept only where the admin allows it. */
  readonly lastFour: string | undefined;
  /** `false`: no key of the keyring opens it, or it was tampered with. */
  readonly isReadable: boolean;
}

/** A tool that a user has used. */
export interface ToolUse {
  readonly server: string;
  readonly tool: string;
  readonly lastUsedAt: number;
  readonly calls: number;
}

/** A server that did not take a user's credentials. */
export interface RefusedCredentials {
  readonly server: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** Told after a change: what an owner has set for a server, or everything of his where `server` is `undefined`. */
export type SecretChangeListener = (owner: UserId, server: string | undefined) => void;

/**
 * Each user's own values. Write-only towards people: only `values` gives any back, to whoever opens a session.
 * Every method rejects with `VaultUnavailableError` when the database cannot be used.
 */
export interface Vault {
  /**
   * What an owner has set for a server, by name; from memory while nothing has changed, so that it works while the
   * database is away. Rejects with `SecretUnreadableError` when one of them cannot be decrypted.
   */
  values(owner: UserId, server: string): Promise<ReadonlyMap<string, string>>;
  /**
   * Stores values by name, all of them or none, with one change notice. Rejects with `UserVariableValueError` for text
   * that is not well-formed; after `VaultUnavailableError` it is not known whether they were stored.
   */
  set(owner: UserId, server: string, values: ReadonlyMap<string, string>): Promise<void>;
  /** `false` when there was nothing to remove. */
  remove(owner: UserId, server: string, name: string): Promise<boolean>;
  /** Removes secrets, links, sessions of the pages, uses and everything else about an owner; returns how many secrets there were. */
  erase(owner: UserId): Promise<number>;
  /** One owner's secrets, or everybody's, by owner, server and name. */
  facts(owner?: UserId): Promise<readonly SecretFacts[]>;
  /** Notes that a user's call ran: written down with others within seconds. */
  noteUse(owner: UserId, server: string, tool: string): void;
  /** The latest uses first, at most `limit`. */
  recentUses(owner: UserId, limit: number): Promise<readonly ToolUse[]>;
  /** Notes that a server refused an owner's credentials, or took them; costs nothing where that is known already. */
  noteCredentials(owner: UserId, server: string, isRefused: boolean): void;
  refused(owner: UserId): Promise<readonly RefusedCredentials[]>;
  /** Makes a setup link's token: one use, fifteen minutes, for one owner and server. */
  createLink(link: SetupLink): Promise<string>;
  /** Reads a link and leaves it as it is. Rejects with `SetupLinkError` for one that cannot be redeemed. */
  readLink(token: string): Promise<SetupLink>;
  /** Uses a link up. Rejects with `SetupLinkError` for one that was used, has expired or never was. */
  redeemLink(token: string): Promise<SetupLink>;
  /** Notes a session of the pages, of an owner or of an admin who is none, until it expires. */
  beginSession(id: string, owner: UserId | undefined, expiresAt: number): Promise<void>;
  /** Whether a session is neither ended nor expired and its owner was not erased, on whichever replica. */
  hasSession(id: string): Promise<boolean>;
  endSession(id: string): Promise<void>;
  /** Calls back after changes of any replica and of the command line; returns how to stop that. */
  onChange(listener: SecretChangeListener): () => void;
  /** Writes what is on its way. */
  close(): Promise<void>;
}
