import type { UserId, UserProfile } from '../auth/user.ts';
import type { OpenSessionOptions, Session } from '../mcp/session.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import type { CatalogueCache } from './catalogue-cache.ts';
import type { ToolChanges } from './catalogue-differences.ts';
import type { SessionLimits } from './session-quota.ts';
import type { StartBudget } from './start-budget.ts';

/** What the servers' sessions need of the service. */
export interface SessionDependencies {
  readonly openSession: (options: OpenSessionOptions) => Promise<Session>;
  readonly logger: Logger;
  readonly redactor: Redactor;
  readonly catalogueCache: CatalogueCache;
  /** Caps on the sessions of users, over all servers. */
  readonly limits: SessionLimits;
  /** Which processes of users' sessions may start; `undefined`: all at once. */
  readonly startBudget?: StartBudget | undefined;
  /** How long the running calls of a server that is removed may take. */
  readonly drainTimeMs: number;
  /** Called with each line that a child process of the server writes to stderr: bounded, without secrets. */
  readonly noteStderr?: ((line: string) => void) | undefined;
  /** Called when a server refuses what a user has set for it, and when it accepts it. */
  readonly noteCredentials?: ((owner: UserId, server: string, isRefused: boolean) => void) | undefined;
  /** Called after each call that ran on a user's session. */
  readonly noteUse?: ((user: UserProfile, server: string, tool: string) => void) | undefined;
  /** Called when a shared session is opened again after its end, or after it could not be opened. */
  readonly noteRestart?: ((server: string) => void) | undefined;
  /** Called when a server has failed so often that it is tried seldom now; the reason is public. */
  readonly noteFailed?: ((server: string, reason: string) => void) | undefined;
  /** Called when a server's definitions are not what they were, in this run or the last. */
  readonly noteToolChanges?: ((server: string, changes: ToolChanges & { readonly tools: number }) => void) | undefined;
}
