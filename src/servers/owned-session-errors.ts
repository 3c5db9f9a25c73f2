import { CredentialsRefusedError, ServerUnavailableError, type ServiceError } from '../errors.ts';
import type { SessionEnd } from '../mcp/session.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { toFailureReason } from './failure-reason.ts';

/** The error for the callers of a session that could not be opened: refused credentials as they are. */
export function toOpenFailure(
  server: string,
  error: unknown,
  redact: Redact,
  onFault: (error: unknown) => void,
): ServiceError {
  if (error instanceof CredentialsRefusedError) return error;
  const { reason, detail } = toFailureReason(error, redact, onFault);
  const text = `Your session with server "${server}" could not be opened: ${reason}`;
  return new ServerUnavailableError(`${text}. Try again later.`, 1, { detail });
}

/** The error for the callers of a session that was open and ended. */
export function toLoss(server: string, { reason, detail }: SessionEnd): ServerUnavailableError {
  const text = `Your session with server "${server}" ended: ${reason}. Try again later.`;
  return new ServerUnavailableError(text, 1, { detail });
}

/** What a caller is told whose patience, or whose session, is over. */
export function toNotOpen(server: string, isStarting: boolean): ServerUnavailableError {
  const what = isStarting ? 'is still starting' : 'was ended';
  return new ServerUnavailableError(`Your session with server "${server}" ${what}. Try again later.`, 1);
}
