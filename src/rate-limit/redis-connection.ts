import { createClient } from 'redis';

export type SendCommand = (command: readonly string[]) => Promise<unknown>;

/** One connection to Redis, of no more use once it was lost. */
export interface RedisConnection {
  readonly send: SendCommand;
  /** Ends it at once; commands without an answer reject. */
  destroy(): void;
}

/**
 * Opens a connection; rejects when Redis refuses it, and when `signal` aborts before it is open.
 * `onLost` is called when it ends by itself, perhaps more than once.
 */
export type ConnectRedis = (options: {
  readonly signal: AbortSignal;
  readonly onLost: (error: unknown) => void;
}) => Promise<RedisConnection>;

/** Connects to `url`, `redis:` or with TLS `rediss:`. */
export function createRedisConnector(url: string): ConnectRedis {
  return async ({ signal, onLost }) => {
    signal.throwIfAborted();
    const client = createClient({
      url,
      // Nothing of version 3 is used, and version 2 is what every Redis speaks.
      RESP: 2,
      disableOfflineQueue: true,
      // `RedisLink` opens a new one: a connection that hangs would never be taken for lost by the library.
      socket: { reconnectStrategy: false },
    });
    client.on('error', onLost);
    client.on('end', () => onLost(undefined));
    const abort = () => client.destroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await client.connect();
      signal.throwIfAborted();
    } catch (error) {
      client.destroy();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
    return { send: (command) => client.sendCommand(command), destroy: () => client.destroy() };
  };
}
