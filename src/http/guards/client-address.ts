import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Where a request comes from and what its sender asked for, as far as the proxies in front are trusted. */
export interface ClientAddress {
  /** Whether connections from this address are a trusted proxy's. */
  isProxy(address: string | undefined): boolean;
  /** The sender's address, IPv4 without `::ffff:`; `unknown` when the connection is gone already. */
  addressOf(request: IncomingMessage): string;
  /** Whether the sender speaks TLS: with us, or with a trusted proxy that says so. */
  isHttps(request: IncomingMessage): boolean;
  /** Host and port that the sender asked for; `undefined` when that is not a usable name. */
  hostOf(request: IncomingMessage): string | undefined;
  /** Whether `hostOf` is what a trusted proxy says, and not the request's own `Host`. */
  isForwardedHost(request: IncomingMessage): boolean;
  /** What a trusted proxy took off the path: `""` or `/x`, without a slash at the end. */
  prefixOf(request: IncomingMessage): string;
}

/** A host name or address, with a port perhaps (RFC 9110, section 7.2). */
const HOST = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const MAX_HOST_CHARACTERS = 300;

/** Without trusted proxies: what the connection and its requests say themselves. */
export const directClient: ClientAddress = {
  isProxy: () => false,
  addressOf: ({ socket }) => plainAddress(socket.remoteAddress),
  isHttps: ({ socket }) => 'encrypted' in socket,
  hostOf: ({ headers }) => usableHost(headers.host),
  isForwardedHost: () => false,
  prefixOf: () => '',
};

/** A socket's address in its one spelling: without zone, and IPv4 as such (RFC 4291, section 2.5.5.2). */
export function plainAddress(address = 'unknown'): string {
  const [bare = ''] = address.split('%', 1);
  return bare.startsWith('::ffff:') && isIP(bare.slice(7)) === 4 ? bare.slice(7) : bare;
}

export function usableHost(host: string | undefined): string | undefined {
  return host !== undefined && host.length <= MAX_HOST_CHARACTERS && HOST.test(host) ? host : undefined;
}
