import { ServerUnavailableError } from '../errors.ts';
import type { Discovery } from './discovery.ts';
import type { SessionState } from './supervised-session.ts';

export interface ServerStatus {
  readonly state: SessionState;
  /** Public: a sentence of ours. */
  readonly reason?: string | undefined;
  /** For admins only: what the server or its process said, without secrets. */
  readonly detail?: string | undefined;
}

const PER_USER = 'starts for each user';

/**
 * The state of a server with a session for each user: what one user's session fails with says nothing of the server,
 * so only the listing of its tools counts.
 */
export function toUserServerStatus(
  isStarted: boolean,
  { state, why }: Pick<Discovery, 'state' | 'why'>,
  hasCatalogue: boolean,
): ServerStatus {
  if (!isStarted) return { state: 'stopped', reason: PER_USER };
  if (why !== undefined) {
    const { reason, detail } = why;
    return hasCatalogue
      ? { state: 'ready', reason: `${PER_USER}; its tools could not be listed again: ${reason}`, detail }
      : { state: 'degraded', reason: `its tools could not be listed: ${reason}`, detail };
  }
  return { state: state === 'running' && !hasCatalogue ? 'starting' : 'ready', reason: PER_USER };
}

/** The error for a caller of a server whose tools nobody has told yet. */
export function toolsUnknown(server: string, { reason, detail }: ServerStatus): ServerUnavailableError {
  const why = reason === undefined ? '' : `: ${reason}`;
  return new ServerUnavailableError(`The tools of server "${server}" are not known yet${why}. Try again later.`, 5, {
    detail,
  });
}
