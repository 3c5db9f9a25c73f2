import type { UserId } from '../auth/user.ts';
import { ServerUnavailableError } from '../errors.ts';
import type { FailureReason } from './failure-reason.ts';
import type { SessionState } from './shared-session.ts';
import type { ToolLister } from './tool-lister.ts';

export interface ServerStatus {
  readonly state: SessionState;
  /** Public: a sentence of ours. */
  readonly reason?: string | undefined;
  /** For admins only: what the server or its process said, without secrets. */
  readonly detail?: string | undefined;
  /** Since when it works, or fails: milliseconds since the epoch. */
  readonly since?: number | undefined;
  /** When it is tried again by itself: milliseconds since the epoch. */
  readonly nextTryAt?: number | undefined;
}

/** A session of which something is left, as admins see it; a shared one has no owner. */
export interface SessionFacts {
  readonly owner: UserId | undefined;
  readonly chatId: string | undefined;
  readonly state: string;
  /** Milliseconds since the epoch. */
  readonly lastUsedAt: number | undefined;
  readonly runningCalls: number;
  /** Its child process, which leads a process group of its own; `undefined` for a remote server, and before it is open. */
  readonly pid: number | undefined;
}

/** The public reason of a server that has a session for each user, where there is nothing else to say. */
export const PER_USER = 'starts for each user';

/** The status of a server whose changed settings are not in use yet, for `problem` if it is known. */
export function toChangingStatus(status: ServerStatus, problem: FailureReason | undefined): ServerStatus {
  const change =
    problem === undefined
      ? 'its changed settings are starting'
      : `its changed settings do not work yet: ${problem.reason}`;
  return {
    ...status,
    reason: status.reason === undefined ? change : `${status.reason}; ${change}`,
    detail: [status.detail, problem?.detail].filter((detail) => detail !== undefined).join('; ') || undefined,
  };
}

/**
 * The status of a server with a session for each user. Why one user's session fails says nothing about the server, so
 * only the listing of its tools counts.
 */
export function toUserServerStatus(
  isStarted: boolean,
  { state, why, times }: Pick<ToolLister, 'state' | 'why' | 'times'>,
  hasCatalogue: boolean,
): ServerStatus {
  if (!isStarted) return { state: 'stopped', reason: PER_USER };
  if (why !== undefined) {
    const { reason, detail } = why;
    const { since, nextTryAt } = times;
    return hasCatalogue
      ? { state: 'ready', reason: `${PER_USER}; its tools could not be listed again: ${reason}`, detail, nextTryAt }
      : { state: 'degraded', reason: `its tools could not be listed: ${reason}`, detail, since, nextTryAt };
  }
  return { state: state === 'running' && !hasCatalogue ? 'starting' : 'ready', reason: PER_USER };
}

/** The error for a caller of a server whose tools are not listed yet. */
export function toolsUnknown(server: string, { reason, detail }: ServerStatus): ServerUnavailableError {
  const why = reason === undefined ? '' : `: ${reason}`;
  return new ServerUnavailableError(`The tools of server "${server}" are not known yet${why}. Try again later.`, 5, {
    detail,
  });
}
