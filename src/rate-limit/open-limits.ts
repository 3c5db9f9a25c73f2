import type { Rate } from '../config/rate.ts';
import type { Logger } from '../telemetry/logger.ts';
import { LocalFailures } from './local-counts.ts';
import { LogInLimits } from './log-in-limits.ts';
import { RateLimit } from './rate-limit.ts';

/**
 * Requests a minute from one address whose sender is not known yet. Requests with a credential that was right before
 * are not among them and those of a log-in that succeeds are given back, so that any number of users may share an
 * address: all of Open WebUI's come from one.
 */
const ADDRESS_RATE: Rate = { limit: 12_000, windowMs: 60_000 };

/** Where limits are counted: `memory` is this process's own; it replaces a Redis that is `down`. */
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
  /** Called with each request that a limit refuses. */
  readonly onRefused?: ((limit: RefusingLimit) => void) | undefined;
}

/** Calls of one principal, failed log-ins, or requests from one address. */
export type RefusingLimit = 'calls' | 'log_ins' | 'address';

/**
 * The limits of the service. With a `redisUrl` it waits for Redis for at most a quarter of a second; an unreachable
 * Redis is logged, and used once it is there. Never rejects because of it.
 */
export async function openLimits({
  calls,
  authFailures,
  redisUrl,
  logger,
  onRefused,
}: OpenLimitsOptions): Promise<Limits> {
  // The client of Redis: 120 ms and 15 MB.
  const shared =
    redisUrl === undefined ? undefined : new (await import('./shared-counts.ts')).SharedCounts(redisUrl, logger);
  const limitOf = (name: string, limit: RefusingLimit, rate: Rate, tooMuch: string) =>
    new RateLimit({ rate, tooMuch, onRefused: () => onRefused?.(limit), store: shared?.createStore(name) });
  const limits: Limits = {
    logIns: new LogInLimits({
      requests: limitOf('addresses', 'address', ADDRESS_RATE, 'Too many requests from this address'),
      onRefused: () => onRefused?.('log_ins'),
      failures:
        authFailures === 'off' ? undefined : (shared?.createFailures(authFailures) ?? new LocalFailures(authFailures)),
    }),
    calls: calls === 'off' ? undefined : limitOf('calls', 'calls', calls, 'Too many calls'),
    status: () => ({
      store: shared === undefined ? 'memory' : 'redis',
      state: shared === undefined || shared.link.isUp ? 'up' : 'down',
    }),
    close: () => shared?.link.close(),
  };
  await shared?.link.start();
  return limits;
}
