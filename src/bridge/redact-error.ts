import { JsonRpcError, ServiceError } from '../errors.ts';
import type { Redactor } from '../telemetry/redactor.ts';

/** Servers quote in their errors what they were given, and the service writes errors into its log. */
export function redactError(error: unknown, redactor: Pick<Redactor, 'redact'>): unknown {
  if (!(error instanceof ServiceError)) return error;
  if (error instanceof JsonRpcError && error.data !== undefined) {
    const data: unknown = JSON.parse(redactor.redact(JSON.stringify(error.data)));
    return new JsonRpcError(error.rpcCode, redactor.redact(error.message), data);
  }
  error.message = redactor.redact(error.message);
  return error;
}
