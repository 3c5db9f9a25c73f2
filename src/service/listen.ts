import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Settings } from '../config/settings.ts';
import { ListenError } from '../errors.ts';
import { portOwner } from '../process/port-owner.ts';

type Address = Pick<Settings, 'host' | 'port'>;

/** How long connections that are in the middle of something other than a call may take to end. */
const CONNECTION_GRACE_MS = 2_000;

/** Opens the port. Rejects with `ListenError`, which names the flag or variable that has the port. */
export function listen(server: Server, { host, port }: Address, variable = '--port'): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(toListenError(error, host, port, variable)));
    server.listen(port, host, resolve);
  });
}

function toListenError(error: NodeJS.ErrnoException, host: string, port: number, variable: string): ListenError {
  const what = `Cannot listen on ${host}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE': {
      const owner = portOwner(port) ?? 'another process';
      return new ListenError(`${what}: the port is taken by ${owner}; end it or choose another with ${variable}.`);
    }
    case 'EACCES':
      return new ListenError(`${what}: this user may not; choose a port above 1023 with ${variable}.`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new ListenError(
        `${what}: this machine has no such address; choose another with ${variable.replace('port', 'host').replace('PORT', 'HOST')}.`,
      );
    default:
      return new ListenError(`${what}: ${error.code ?? 'unknown error'}.`);
  }
}

/** Where it listens, as a URL that works on this machine, without a slash at the end. */
export function toUrl(server: Server, { host, tls }: { readonly host: string; readonly tls?: unknown }): string {
  const { port } = server.address() as AddressInfo;
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const name = isEverywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `${tls ? 'https' : 'http'}://${name}:${port}`;
}

/** Closes the port and what is still connected; answers that were just sent get to their callers first. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CONNECTION_GRACE_MS);
  await closed;
  clearTimeout(timer);
}
