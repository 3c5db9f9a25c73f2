import { CallCancelledError, CredentialsRefusedError, JsonRpcError, ServiceError, ToolError } from '../../errors.ts';
import type { CallOutcome } from '../../telemetry/metrics/call-counts.ts';

const BY_STATUS: ReadonlyMap<number, CallOutcome> = new Map([
  [400, 'invalid'],
  [401, 'unauthenticated'],
  [403, 'forbidden'],
  [404, 'not_found'],
  [413, 'invalid'],
  [415, 'invalid'],
  [422, 'invalid'],
  [428, 'setup_required'],
  [429, 'rate_limited'],
  [502, 'upstream_error'],
  [503, 'unavailable'],
  [504, 'timeout'],
]);

/** The outcome of a call that ended in an error. */
export function outcomeOf(error: unknown): CallOutcome {
  if (!(error instanceof ServiceError)) return 'internal';
  // Their status may be any, or 500.
  if (error instanceof ToolError) return 'tool_error';
  if (error instanceof JsonRpcError) return 'upstream_error';
  if (error instanceof CallCancelledError) return 'cancelled';
  if (error instanceof CredentialsRefusedError && error.setupUrl !== undefined) return 'setup_required';
  return BY_STATUS.get(error.status) ?? 'internal';
}
