import type { UserId } from '../../auth/user.ts';
import type { SecretFacts } from '../../vault/vault.ts';

/** A live session, as the admin's page tells of it. */
export interface AdminSession {
  /** `undefined`: the session is shared by everybody. */
  readonly owner: UserId | undefined;
  readonly chatId: string | undefined;
  /** A word such as `ready` or `starting`. */
  readonly state: string;
  /** Milliseconds since the epoch; `undefined` before the first call. */
  readonly lastUsedAt: number | undefined;
  readonly runningCalls: number;
}

/** A list of tools that a user's session has and that all do not see; names only, without secrets. */
export interface AdminToolList {
  readonly id: string;
  /** Whose session listed it first. */
  readonly owner: UserId;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  /** The name, version or instructions of the server are others. */
  readonly isServerTextChanged: boolean;
}

export interface AdminServer {
  readonly name: string;
  readonly title: string;
  readonly state: string;
  /** Why it is not ready: public, a sentence of ours. */
  readonly reason: string | undefined;
  /** What the server or its process said, without secrets. */
  readonly detail: string | undefined;
  readonly transport: string;
  readonly isolation: string;
  /** Names of its tools. */
  readonly tools: readonly string[];
  /** Where the list of tools that all see comes from: one of our own sentences; `undefined` while there is none. */
  readonly toolsFrom: string | undefined;
  readonly otherLists: readonly AdminToolList[];
  readonly sessions: readonly AdminSession[];
}

/** What the admin's page shows and does beside erasing users, which is `UserVariables`'; never a value of anybody. */
export interface AdminFacts {
  /** In the order of the servers file. */
  servers(): readonly AdminServer[];
  /** Everybody's, by owner, server and name. Rejects with `VaultUnavailableError`. */
  secrets(): Promise<readonly SecretFacts[]>;
  /** Ends the server's sessions; shared ones start anew. Rejects with `NotFoundError` for an unknown server. */
  restart(server: string): Promise<void>;
  /** Makes one of `otherLists` the list that all see. Throws `NotFoundError` if there is no such server or list any more. */
  chooseTools(server: string, list: string): void;
}
