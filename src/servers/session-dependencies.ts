import type { UserId } from '../auth/user.ts';
import type { OpenSessionOptions, Session } from '../mcp/session.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import type { CatalogueKeeper } from './kept-catalogue.ts';
import type { PoolLimits } from './session-places.ts';

/** What the servers' sessions need of the service. */
export interface SessionDependencies {
  readonly openSession: (options: OpenSessionOptions) => Promise<Session>;
  readonly logger: Logger;
  readonly redactor: Redactor;
  readonly keptCatalogues: CatalogueKeeper;
  /** Caps on the sessions of users, over all servers. */
  readonly limits: PoolLimits;
  /** How long the running calls of a server that is removed may take. */
  readonly drainTimeMs: number;
  /** Told when a server refuses what a user has set for it, and when it takes it. */
  readonly noteCredentials?: ((owner: UserId, server: string, isRefused: boolean) => void) | undefined;
  /** Told of every call that ran on a user's session. */
  readonly noteUse?: ((owner: UserId, server: string, tool: string) => void) | undefined;
}
