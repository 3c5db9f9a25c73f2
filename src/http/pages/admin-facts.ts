import type { SecretOwner } from '../../vault/secret-owner.ts';
import type { SecretFacts } from '../../vault/vault.ts';

/** A live session, as the admin's page tells of it. */
export interface AdminSession {
  /** `undefined`: the session is shared by everybody. */
  readonly owner: SecretOwner | undefined;
  readonly chatId: string | undefined;
  /** A word such as `ready` or `starting`. */
  readonly state: string;
  /** Milliseconds since the epoch; `undefined` before the first call. */
  readonly lastUsedAt: number | undefined;
  readonly runningCalls: number;
}

export interface AdminServer {
  readonly name: string;
  readonly title: string;
  readonly state: string;
  /** Why it is not ready: public and redacted. */
  readonly reason: string | undefined;
  readonly transport: string;
  readonly isolation: string;
  /** Names of its tools. */
  readonly tools: readonly string[];
  readonly sessions: readonly AdminSession[];
}

/** What the admin's page shows and does beside erasing users, which is `UserSettings`'; never a value of anybody. */
export interface AdminFacts {
  /** In the order of the servers file. */
  servers(): readonly AdminServer[];
  /** Everybody's, by owner, server and name. Rejects with `VaultUnavailableError`. */
  secrets(): Promise<readonly SecretFacts[]>;
  /** Ends the server's sessions; shared ones start anew. Rejects with `NotFoundError` for an unknown server. */
  restart(server: string): Promise<void>;
}
