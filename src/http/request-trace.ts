import { type IncomingMessage, METHODS } from 'node:http';
import { ServiceError } from '../errors.ts';
import type { Tracing } from '../telemetry/trace.ts';
import { readTraceContext, type TraceContext } from '../telemetry/trace-context.ts';
import { loggedPath } from './paths.ts';
import type { RequestFacts, RequestObserver } from './request-facts.ts';

/** Asked every few seconds by probes. */
const UNRECORDED = /^\/(?:healthz|readyz|metrics)(?:\?|$)/;

/** Notes the trace that a request is a part of, if its caller names one, and begins its span where traces are recorded. */
export function joinTrace(request: IncomingMessage, facts: RequestFacts, tracing: Tracing | undefined): void {
  const caller = readTraceContext(request.headers);
  const isRecorded = tracing !== undefined && !UNRECORDED.test(request.url ?? '');
  const span = isRecorded ? startRequestSpan(request, tracing, caller) : undefined;
  const context = span?.context ?? caller;
  if (context === undefined) return;
  facts.trace = { context, span, tracing: isRecorded ? tracing : undefined };
}

/** OpenTelemetry's semantic conventions for HTTP servers, without addresses, user agents and queries. */
function startRequestSpan(request: IncomingMessage, tracing: Tracing, caller: TraceContext | undefined) {
  const { method = '', httpVersion } = request;
  const attributes = {
    'http.request.method': METHODS.includes(method) ? method : '_OTHER',
    'url.path': loggedPath(request),
    'url.scheme': 'encrypted' in request.socket ? 'https' : 'http',
    'network.protocol.version': httpVersion,
  };
  return tracing.startSpan('server', attributes['http.request.method'], attributes, caller);
}

/** Ends a request's span. A refused request is no failure of the service; one that the caller gave up is a failure. */
export const endRequestSpan: RequestObserver = ({ request, response }, { trace, call, error, requestId }) => {
  const span = trace?.span;
  if (span === undefined) return;
  if (call !== undefined) {
    const route = '/{server}/{tool}';
    span.setName(`${request.method} ${route}`);
    span.setAttributes({ 'http.route': route, 'mcpo.server': call.server, 'gen_ai.tool.name': call.tool });
  }
  const { statusCode, writableFinished, headersSent } = response;
  span.setAttributes({
    'mcpo.request.id': requestId,
    'http.response.status_code': headersSent ? statusCode : undefined,
  });
  if (!writableFinished) span.end('client_disconnected');
  else if (statusCode >= 500) span.end(error instanceof ServiceError ? error.code : String(statusCode));
  else span.end();
};
