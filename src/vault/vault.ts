import type { SecretOwner } from './secret-owner.ts';

/** What is told of a secret, and all that ever is. Times are milliseconds since the epoch. */
export interface SecretFacts {
  readonly owner: SecretOwner;
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
export type SecretChangeListener = (owner: SecretOwner, server: string | undefined) => void;

/**
 * Each user's own values. Write-only towards people: only `values` gives any back, to whoever opens a session.
 * Every method rejects with `VaultUnavailableError` when the database cannot be used.
 */
export interface Vault {
  /**
   * What an owner has set for a server, by name; from memory while nothing has changed, so that it works while the
   * database is away. Rejects with `SecretUnreadableError` when one of them cannot be decrypted.
   */
  values(owner: SecretOwner, server: string): Promise<ReadonlyMap<string, string>>;
  set(owner: SecretOwner, server: string, name: string, value: string): Promise<void>;
  /** `false` when there was nothing to remove. */
  remove(owner: SecretOwner, server: string, name: string): Promise<boolean>;
  /** Removes secrets, links, uses and everything else about an owner; returns how many secrets there were. */
  erase(owner: SecretOwner): Promise<number>;
  /** One owner's secrets, or everybody's, by owner, server and name. */
  facts(owner?: SecretOwner): Promise<readonly SecretFacts[]>;
  /** Notes that a user's call ran: written down with others within seconds. */
  noteUse(owner: SecretOwner, server: string, tool: string): void;
  /** The latest uses first, at most `limit`. */
  recentUses(owner: SecretOwner, limit: number): Promise<readonly ToolUse[]>;
  /** Notes that a server refused an owner's credentials, or took them; costs nothing where that is known already. */
  noteCredentials(owner: SecretOwner, server: string, isRefused: boolean): void;
  refused(owner: SecretOwner): Promise<readonly RefusedCredentials[]>;
  /** Makes a setup link's token: one use, fifteen minutes, for one owner and server. */
  createLink(owner: SecretOwner, server: string): Promise<string>;
  /** Uses a link up. Rejects with `SetupLinkError` for one that was used, is too old or never was. */
  redeemLink(token: string): Promise<{ readonly owner: SecretOwner; readonly server: string }>;
  /** Calls back after changes of any replica and of the command line; returns how to stop that. */
  onChange(listener: SecretChangeListener): () => void;
  /** Writes what is on its way. */
  close(): Promise<void>;
}
