import { JsonRpcError, ServerUnavailableError, ServiceError, SessionOpenError } from '../errors.ts';
import type { Redact } from '../telemetry/redactor.ts';

/** Characters of a server's own words that are shown to admins. */
const MAX_DETAIL = 1_000;

/** Why there is no session. */
export interface FailureReason {
  /** Public: a sentence of ours, or a part of one. */
  readonly reason: string;
  /** For admins only: what the server or its process said, without secrets. */
  readonly detail: string | undefined;
}

/** Tells our own words from those of the server. `onFault` is called with what is not a `ServiceError`. */
export function toFailureReason(error: unknown, redact: Redact, onFault: (error: unknown) => void): FailureReason {
  if (error instanceof JsonRpcError) {
    return {
      reason: `it answered with error ${error.rpcCode}`,
      detail: `it said: ${redact(error.message, MAX_DETAIL)}`,
    };
  }
  if (error instanceof SessionOpenError || error instanceof ServerUnavailableError) {
    return { reason: withoutStop(error), detail: error.detail };
  }
  if (error instanceof ServiceError) return { reason: withoutStop(error), detail: undefined };
  onFault(error);
  return { reason: 'an unexpected error; the log has it', detail: undefined };
}

/** An error's message without its full stop: reasons stand inside of sentences. */
export function withoutStop({ message }: Error): string {
  return message.replace(/\.$/, '');
}
