import { hostname } from 'node:os';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?|\[?::ffff:127(?:\.\d{1,3}){3}\]?)$/i;

/** Whether a host, as in a URL or for a socket, is this machine, which no other can reach under that name. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host) || host.toLowerCase() === hostname().toLowerCase();
}
