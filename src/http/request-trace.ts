import type { ServerResponse } from 'node:http';
import { readTraceContext } from '../telemetry/trace-context.ts';
import type { Exchange, RequestFacts } from './request-facts.ts';

/** For log lines of pages, which have no facts. Holds only requests that are part of a trace. */
const traceIds = new WeakMap<ServerResponse, string>();

/** Notes the trace that a request is a part of, if its caller names one. */
export function joinTrace({ request, response }: Exchange, facts: RequestFacts): void {
  const context = readTraceContext(request.headers);
  if (context === undefined) return;
  facts.trace = { context };
  traceIds.set(response, context.traceId);
}

/** The id of the trace that a request is a part of, for log lines. */
export function traceIdOf(response: ServerResponse): string | undefined {
  return traceIds.get(response);
}
