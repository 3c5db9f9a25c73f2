import type { Session } from '../mcp/session.ts';
import type { Redact } from '../telemetry/redactor.ts';
import type { Catalogue } from './catalogue.ts';
import { redactError } from './redact-error.ts';
import type { SupervisedSession } from './supervised-session.ts';

/** How long a call waits for a server that is on its way before it is told to come back. */
export const START_WAIT_MS = 8_000;

/** The session that a call runs on, and what is to be told of that call. */
export interface ServerLease {
  /** Returns the open session, waiting for one that is on its way. Throws `ServiceError`s. */
  open(signal: AbortSignal): Promise<Session>;
  /** The session's own list of tools, by which calls on it are judged; `undefined` where all share one, or it has ended. */
  catalogueOf(session: Session): Catalogue | undefined;
  /** Takes configured secrets and the caller's own values out of a text. */
  readonly redact: Redact;
  /** Tells that the server has forgotten the session: the next `open` gives a new one, the same to all callers. */
  replace(expired: Session): void;
  /** Tells that the call ran. */
  noteUse(tool: string): void;
  /** What a caller is told of a failed call: no secrets, and his own credentials with the place where he sets them. */
  toTold(error: unknown): Promise<unknown>;
  /** Follows every lease, in `finally`. */
  release(): void;
}

/** All callers of a shared server use the one session. */
export function leaseShared(supervised: SupervisedSession, redact: Redact): ServerLease {
  return {
    open: async (signal) => supervised.session ?? supervised.whenOpen(START_WAIT_MS, signal),
    catalogueOf: () => undefined,
    redact,
    replace: (expired) => supervised.replace(expired),
    noteUse: () => undefined,
    toTold: async (error) => redactError(error, redact),
    release: () => undefined,
  };
}
