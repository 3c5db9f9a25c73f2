import { setTimeout as delay } from 'node:timers/promises';
import type { HttpExchange, HttpResponse } from './http-exchange.ts';
import { UpstreamError } from './upstream-error.ts';

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 1_000;

export interface ReachOptions {
  /** From now, in milliseconds. */
  readonly waitMs: number;
  /** Somebody still waits for the answer. */
  readonly isWanted: () => boolean;
}

/**
 * Starts an exchange, and starts it again while no connection can be made, as while a server restarts: nothing was
 * sent then. Throws `UpstreamError`, and what `start` throws.
 */
export async function connectWithRetry(
  start: () => HttpExchange,
  { waitMs, isWanted }: ReachOptions,
): Promise<{ readonly exchange: HttpExchange; readonly response: HttpResponse }> {
  const giveUpAt = performance.now() + waitMs;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, MAX_DELAY_MS)) {
    const exchange = start();
    try {
      return { exchange, response: await exchange.response };
    } catch (error) {
      const isUnreached = error instanceof UpstreamError && error.failure.isUnreached === true;
      const leftMs = giveUpAt - performance.now();
      if (!isUnreached || leftMs <= 0) throw error;
      // Many calls wait at once, and a server that comes up is not to meet all of them in one moment.
      await delay(Math.min(leftMs, delayMs * (0.5 + Math.random())));
      if (!isWanted()) throw error;
    }
  }
}
