import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { toAddressKey } from '../../rate-limit/address-key.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type ClientAddress, plainAddress } from './client-address.ts';

/** Often enough for an admin to see what happens, seldom enough for a flood not to fill the log. */
const LOG_EVERY_MS = 60_000;

/**
 * Closes at once what is connected beyond the limits: in all, and from one address. Proxies that `client` knows may each
 * open as many connections as there are.
 */
export function limitConnections(
  server: Server,
  limits: { readonly max: number; readonly maxPerAddress: number },
  client: Pick<ClientAddress, 'isProxy'>,
  logger: Logger,
  onRefused?: (limit: 'max' | 'address') => void,
): void {
  const open = new Map<string, number>();
  let loggedAt = Number.NEGATIVE_INFINITY;
  const logRefusal = (limit: string, address: string | undefined): void => {
    if (performance.now() - loggedAt < LOG_EVERY_MS) return;
    loggedAt = performance.now();
    logger.warn('connections are refused: too many are open', { limit, address });
  };

  server.maxConnections = limits.max;
  server.on('drop', (dropped) => {
    onRefused?.('max');
    logRefusal('MCPO_MAX_CONNECTIONS', dropped?.remoteAddress);
  });
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    if (client.isProxy(remoteAddress)) return;
    const key = toAddressKey(plainAddress(remoteAddress));
    const count = (open.get(key) ?? 0) + 1;
    if (count > limits.maxPerAddress) {
      onRefused?.('address');
      logRefusal('MCPO_MAX_CONNECTIONS_PER_ADDRESS', remoteAddress);
      socket.destroy();
      return;
    }
    open.set(key, count);
    socket.once('close', () => {
      const left = (open.get(key) ?? 0) - 1;
      if (left > 0) open.set(key, left);
      else open.delete(key);
    });
  });
}
