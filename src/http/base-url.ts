import type { IncomingMessage } from 'node:http';
import type { ClientAddress } from './guards/client-address.ts';

/**
 * Where the sender of a request reaches the service, by what the request and trusted proxies say: scheme, host and the
 * path that a proxy takes off; no slash at the end.
 */
export function toBaseUrl(request: IncomingMessage, client: ClientAddress, rootPath: string): string {
  const scheme = client.isHttps(request) ? 'https' : 'http';
  const host = client.hostOf(request) ?? `localhost:${request.socket.localPort}`;
  return `${scheme}://${host}${rootPath || client.prefixOf(request)}`;
}
