import { JsonRpcError, ServiceError } from '../errors.ts';
import type { Redact } from '../telemetry/redactor.ts';

/** Of what a server says of its failure, callers get so many characters. */
const MAX_MESSAGE_CHARACTERS = 10_000;

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
