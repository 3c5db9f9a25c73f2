import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import { createClient } from 'redis';
import { RateLimitedError } from '../../src/errors.ts';
import type { LogIn } from '../../src/rate-limit/log-in-limits.ts';
import { type Limits, openLimits } from '../../src/rate-limit/open-limits.ts';
import type { RateLimit } from '../../src/rate-limit/rate-limit.ts';
import { createLog } from '../unit/rate-limit/fake-redis.ts';
import { RedisProxy } from './redis-proxy.ts';

export const url = new URL(process.env.MCPO_TEST_REDIS_URL ?? 'redis://127.0.0.1:6379');
export const rate = { limit: 5, windowMs: 60_000 };

/** Looks at Redis, and changes it, from outside. */
export const admin = createClient({ url: url.href, socket: { reconnectStrategy: false } });
/** What is done after each test, the last first. */
export const toClose: (() => unknown)[] = [];

beforeAll(async () => {
  admin.on('error', () => undefined);
  await admin.connect().catch(() => {
    const where = `${url.hostname}:${url.port || 6379}`;
    throw new Error(
      `No Redis answers at ${where}: start one with "redis-server --save ''", or name another in MCPO_TEST_REDIS_URL.`,
    );
  });
});
afterAll(() => void admin.destroy());
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

export interface Replica {
  readonly limits: Limits;
  readonly calls: RateLimit;
  /** Its log. */
  readonly lines: readonly string[];
}

/** The limits of one replica, with a connection and a log of its own. */
export async function openReplica(redisUrl = url.href): Promise<Replica> {
  const { lines, logger } = createLog();
  const limits = await openLimits({ calls: rate, authFailures: rate, redisUrl, logger });
  toClose.push(() => limits.close());
  const { calls } = limits;
  if (calls === undefined) throw new Error('Calls are not limited.');
  return { limits, calls, lines };
}

/** A line to Redis that can be taken away. */
export async function openProxy(): Promise<RedisProxy> {
  const proxy = new RedisProxy(url);
  await proxy.listen();
  toClose.push(() => proxy.cut());
  return proxy;
}

/** How many of so many calls at once are let through. */
export async function passed(limits: readonly RateLimit[], count: number, key: string): Promise<number> {
  const tries = Array.from({ length: count }, (_, index) => limits[index % limits.length]?.count(key, newResponse()));
  const outcomes = await Promise.allSettled(tries);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(RateLimitedError);
  }
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

/** A try with a credential that is wrong; how long it has to wait, in seconds, and 0 if it was looked at. */
export async function guess({ logIns }: Limits, logIn: LogIn): Promise<number> {
  try {
    const attempt = await logIns.begin(logIn, newResponse());
    attempt.failed();
    return 0;
  } catch (error) {
    if (error instanceof RateLimitedError) return error.retryAfterSeconds;
    throw error;
  }
}

export async function untilState(limits: Limits, state: 'up' | 'down'): Promise<void> {
  while (limits.status().state !== state) await delay(5);
}

export const newResponse = () => new ServerResponse(new IncomingMessage(new Socket()));
