import { DeadlineError, JsonRpcError, ServiceError } from '../errors.ts';
import type { SpanAttributes, Trace } from '../telemetry/trace.ts';
import { isBaggage, type TraceContext, toTraceparent } from '../telemetry/trace-context.ts';
import type { OpenSessionOptions, Session, ToolResult } from './session.ts';

/** What a call takes along to the server. */
export interface CarriedTrace {
  /** Of `params._meta` (MCP, SEP-414). */
  readonly meta: Readonly<Record<string, string>>;
  /** For HTTP transports: the caller's forwarded headers and the same fields. */
  readonly headers: Readonly<Record<string, string>>;
  /** Called with the id of the JSON-RPC request. */
  readonly onId: (id: number) => void;
}

/**
 * Runs a tool call as a part of a trace. Where traces are recorded it is a span by OpenTelemetry's semantic conventions for
 * MCP, without arguments, results and the server's messages. `forwarded` are the caller's headers for the server.
 */
export async function callTraced(
  trace: Trace,
  session: SpanAttributes,
  { tool, forwarded }: { readonly tool: string; readonly forwarded: Readonly<Record<string, string>> | undefined },
  call: (carried: CarriedTrace) => Promise<ToolResult>,
): Promise<ToolResult> {
  const method = 'tools/call';
  const attributes = { 'mcp.method.name': method, 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': tool };
  const span = trace.tracing?.startSpan('client', `${method} ${tool}`, { ...attributes, ...session }, trace.context);
  const meta = propagationFields(span?.context ?? trace.context, forwarded);
  try {
    const onId = (id: number) => span?.setAttributes({ 'jsonrpc.request.id': String(id) });
    const result = await call({ meta, headers: { ...forwarded, ...meta }, onId });
    span?.end(result.isError ? 'tool_error' : undefined);
    return result;
  } catch (error) {
    if (error instanceof JsonRpcError) span?.setAttributes({ 'rpc.response.status_code': String(error.rpcCode) });
    span?.end(errorTypeOf(error));
    throw error;
  }
}

/** Records how a session is opened, up to the end of the handshake. */
export async function openTraced(
  options: OpenSessionOptions,
  open: (options: OpenSessionOptions) => Promise<Session & { readonly spanAttributes: SpanAttributes }>,
): Promise<Session> {
  const method = 'initialize';
  const attributes = { 'mcp.method.name': method, 'mcpo.server': options.server };
  const span = options.tracing?.startSpan('client', method, attributes, options.trace?.context);
  try {
    const session = await open(options);
    span?.setAttributes(session.spanAttributes);
    span?.end();
    return session;
  } catch (error) {
    span?.end(errorTypeOf(error));
    throw error;
  }
}

/** Baggage is the caller's own data: it goes only where the admin lets the caller's header `baggage` through. */
function propagationFields(context: TraceContext, forwarded: Readonly<Record<string, string>> | undefined) {
  const fields: Record<string, string> = { traceparent: toTraceparent(context) };
  if (context.state !== undefined) fields.tracestate = context.state;
  if (forwarded?.baggage !== undefined && isBaggage(forwarded.baggage)) fields.baggage = forwarded.baggage;
  return fields;
}

/** A class of errors with few members: never what the server said. */
function errorTypeOf(error: unknown): string {
  if (error instanceof JsonRpcError) return String(error.rpcCode);
  if (error instanceof DeadlineError) return 'timeout';
  return error instanceof ServiceError ? error.code : 'internal';
}
