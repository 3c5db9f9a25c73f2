import { isBaggage, type TraceContext, toTraceparent } from '../telemetry/trace-context.ts';

/**
 * What carries a trace to a server, in `params._meta` and as HTTP headers alike (MCP, SEP-414). Baggage is the caller's own
 * data: it goes only where the admin lets the caller's header `baggage` through.
 */
export function propagationFields(
  context: TraceContext,
  forwarded: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const fields: Record<string, string> = { traceparent: toTraceparent(context) };
  if (context.state !== undefined) fields.tracestate = context.state;
  if (forwarded?.baggage !== undefined && isBaggage(forwarded.baggage)) fields.baggage = forwarded.baggage;
  return fields;
}
