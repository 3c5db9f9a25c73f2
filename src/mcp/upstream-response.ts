import { type HttpResponse, readBody } from './http-exchange.ts';
import { isObject, toJsonRpcError } from './rpc-message.ts';
import { UpstreamError } from './upstream-error.ts';

const MAX_ERROR_BODY_BYTES = 64 * 1024;
const MAX_RETRY_AFTER_SECONDS = 3_600;

export function isRedirect(status: number): boolean {
  return status >= 300 && status < 400;
}

/** Left to the SDK, which follows within the origin only. */
export function redirected(response: HttpResponse): Response {
  response.body.resume();
  return new Response(null, { status: response.status, headers: { location: response.headers.location ?? '' } });
}

export function emptyResponse(status: number, response?: HttpResponse): Response {
  return new Response(null, { status: Math.min(599, Math.max(200, status)), headers: sessionHeader(response) });
}

export function toResponse(response: HttpResponse, body: string | ReadableStream<Uint8Array>): Response {
  const type = typeof body === 'string' ? 'application/json' : 'text/event-stream';
  return new Response(body, { status: 200, headers: { ...sessionHeader(response), 'content-type': type } });
}

function sessionHeader(response: HttpResponse | undefined): Record<string, string> {
  const id = response?.headers['mcp-session-id'];
  return typeof id === 'string' ? { 'mcp-session-id': id } : {};
}

/**
 * Judges an HTTP answer of 400 or more. A session is gone by a 404 (MCP, "Session Management"), and by the 400 that
 * many servers send in its place, which speaks of the session; either way what was asked did not run.
 */
export async function toStatusError(response: HttpResponse, hasSession: boolean): Promise<UpstreamError> {
  const { status, headers } = response;
  const body = (await readBody(response.body, MAX_ERROR_BODY_BYTES).catch(() => undefined)) ?? '';
  const isSessionGone = hasSession && (status === 404 || (status === 400 && /\bsession/i.test(body)));
  const isCredentialProblem = status === 401 || status === 403;
  let reason = `the server answered HTTP ${status}`;
  if (isSessionGone) reason = `the server no longer knows the session (HTTP ${status})`;
  else if (isCredentialProblem) reason = `the server refused the credentials (HTTP ${status})`;
  return new UpstreamError(reason, {
    status,
    isSessionGone,
    rpcError: rpcErrorIn(body),
    retryAfterSeconds: toSeconds(headers['retry-after']),
  });
}

function rpcErrorIn(body: string) {
  if (!body.trimStart().startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) && value.jsonrpc === '2.0' && isObject(value.error)
      ? toJsonRpcError(value.error)
      : undefined;
  } catch {
    return undefined;
  }
}

function toSeconds(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined || !/^\d{1,9}$/.test(retryAfter)) return undefined;
  return Math.min(Math.max(1, Number(retryAfter)), MAX_RETRY_AFTER_SECONDS);
}
