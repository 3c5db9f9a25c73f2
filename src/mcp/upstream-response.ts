import type { HttpResponse } from './http-exchange.ts';

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
