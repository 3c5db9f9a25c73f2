import { ServiceError } from '../errors.ts';
import type { ErrorReports } from '../telemetry/error-reports.ts';
import type { RequestObserver } from './request-facts.ts';

/** Makes the observer that reports requests which failed by a fault of the service: not what callers or servers do wrong. */
export function reportFaults(reports: ErrorReports): RequestObserver {
  return ({ request: { method } }, { error, call, requestId, trace }) => {
    if (error === undefined || error instanceof ServiceError) return;
    reports.fault(error, { method, ...call, requestId, traceId: trace?.context.traceId });
  };
}
