import { JsonRpcError, ServerUnavailableError, ServiceError, SessionOpenError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redact } from '../telemetry/redactor.ts';

/** Characters of a server's own words that are shown to admins. */
const MAX_DETAIL = 1_000;

/** Of what a server says of its failure, callers get so many characters. */
const MAX_MESSAGE_CHARACTERS = 10_000;

/** Why there is no session. */
export interface FailureReason {
  /** Public: a sentence of ours, or a part of one. */
  readonly reason: string;
  /** For admins only: what the server or its process said, without secrets. */
  readonly detail: string | undefined;
}

/** Whose failure it is, and where a fault of ours is logged. */
export interface FailureContext {
  readonly server: string;
  readonly redact: Redact;
  readonly logger: Pick<Logger, 'error'>;
}

/** Separates our own words from the server's. What is not a `ServiceError` is a fault of ours, and logged. */
export function toFailureReason(error: unknown, { server, redact, logger }: FailureContext): FailureReason {
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
  const stack = error instanceof Error ? error.stack : String(error);
  logger.error('a session failed by a fault of the service', { server, error: stack });
  return { reason: 'an unexpected error; the log has it', detail: undefined };
}

/** An error's message without its full stop, for use within a sentence. */
export function withoutStop({ message }: Error): string {
  return message.replace(/\.$/, '');
}

/** Servers quote in their errors what they were given, and the service writes errors into its log. */
export function redactError(error: unknown, redact: Redact): unknown {
  if (!(error instanceof ServiceError)) return error;
  if (error instanceof JsonRpcError && error.data !== undefined) {
    // Text by text: JSON inside of JSON would have its quotes escaped once more.
    const data: unknown = JSON.parse(JSON.stringify(error.data), (_name, value: unknown) => redactPart(value, redact));
    return new JsonRpcError(error.rpcCode, redact(error.message, MAX_MESSAGE_CHARACTERS), data);
  }
  error.message = redact(error.message, MAX_MESSAGE_CHARACTERS);
  return error;
}

function redactPart(value: unknown, redact: Redact): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [redact(name), part]));
}
