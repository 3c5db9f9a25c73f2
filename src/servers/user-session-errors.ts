import { CredentialsRefusedError, ServerUnavailableError, type ServiceError } from '../errors.ts';
import { type FailureContext, toFailureReason } from './failure-reason.ts';

/** Why a user's session could not be opened. Refused credentials are reported as they are. */
export function toOpenError(error: unknown, context: FailureContext): ServiceError {
  if (error instanceof CredentialsRefusedError) return error;
  const { reason, detail } = toFailureReason(error, context);
  return unavailable(context.server, `could not be opened: ${reason}`, detail);
}

/** It was open, and has ended by itself. */
export function toLostError(server: string, reason: string, detail: string | undefined): ServiceError {
  return unavailable(server, `ended: ${reason}`, detail);
}

/** It did not open in time, or was ended by the service. */
export function toNotOpenError(server: string, isStarting: boolean): ServerUnavailableError {
  return unavailable(server, isStarting ? 'is still starting' : 'was ended');
}

function unavailable(server: string, what: string, detail?: string): ServerUnavailableError {
  return new ServerUnavailableError(`Your session with server "${server}" ${what}. Try again later.`, 1, { detail });
}
