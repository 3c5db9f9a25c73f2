import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Takes over the caller's `X-Request-Id` if it is a harmless word, else makes one. */
export function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:@/+=-]{1,128}$/.test(given) ? given : randomUUID();
}
