import type { Rate } from '../config/rate.ts';
import type { Logger } from '../telemetry/logger.ts';
import { DEFAULT_ADDRESS_RATE, LogInLimits } from './log-in-limits.ts';
import { RateLimit } from './rate-limit.ts';
import type { SharedCounts } from './shared-counts.ts';

/** Where limits are counted: `memory` is this process's own; a Redis that is `down` is stood in for by it. */
export interface LimitsStatus {
  readonly store: 'redis' | 'memory';
  readonly state: 'up' | 'down';
}

export interface Limits {
  readonly logIns: LogInLimits;
  readonly calls: RateLimit | undefined;
  status(): LimitsStatus;
  /** Ends the connection to Redis. Idempotent. */
  close(): void;
}

export interface OpenLimitsOptions {
  /** Calls of one principal. */
  readonly calls: Rate | 'off';
  readonly authFailures: Rate | 'off';
  /** Of the Redis whose counts all replicas share; `undefined`: each process counts for itself. */
  readonly redisUrl: string | undefined;
  readonly logger: Logger;
}

/**
 * The limits of the service. With a `redisUrl` it waits for Redis, but never longer than a quarter of a second; a Redis
 * that is not there is told in the log and used once it is. Never rejects because of it.
 */
export async function openLimits({ calls, authFailures, redisUrl, logger }: OpenLimitsOptions): Promise<Limits> {
  const shared = redisUrl === undefined ? undefined : await loadSharedCounts(redisUrl, logger);
  const limits: Limits = {
    logIns: new LogInLimits({
      address: DEFAULT_ADDRESS_RATE,
      failures: authFailures,
      addressStore: shared?.createStore('addresses'),
      openFailedLogIns: shared && ((rate) => shared.openFailedLogIns(rate)),
    }),
    calls:
      calls === 'off'
        ? undefined
        : new RateLimit({ rate: calls, tooMuch: 'Too many calls', store: shared?.createStore('calls') }),
    status: () =>
      shared === undefined ? { store: 'memory', state: 'up' } : { store: 'redis', state: shared.isUp ? 'up' : 'down' },
    close: () => shared?.close(),
  };
  await shared?.start();
  return limits;
}

async function loadSharedCounts(redisUrl: string, logger: Logger): Promise<SharedCounts> {
  const { SharedCounts } = await import('./shared-counts.ts');
  const { createRedisConnector } = await import('./redis-connection.ts');
  return new SharedCounts(createRedisConnector(redisUrl), logger);
}
