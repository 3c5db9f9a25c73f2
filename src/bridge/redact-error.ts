import { JsonRpcError, ServiceError } from '../errors.ts';
import type { Redactor } from '../telemetry/redactor.ts';

/** Servers quote in their errors what they were given, and the service writes errors into its log. */
export function redactError(error: unknown, redactor: Pick<Redactor, 'redact'>): unknown {
  if (!(error instanceof ServiceError)) return error;
  if (error instanceof JsonRpcError && error.data !== undefined) {
    // Text by text: JSON inside of JSON would have its quotes escaped once more.
    const data: unknown = JSON.parse(JSON.stringify(error.data), (_name, value: unknown) =>
      redactPart(value, redactor),
    );
    return new JsonRpcError(error.rpcCode, redactor.redact(error.message), data);
  }
  error.message = redactor.redact(error.message);
  return error;
}

function redactPart(value: unknown, redactor: Pick<Redactor, 'redact'>): unknown {
  if (typeof value === 'string') return redactor.redact(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [redactor.redact(name), part]));
}
