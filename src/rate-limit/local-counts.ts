import type { IncrementResponse, Options, Store } from 'express-rate-limit';
import { BoundedMap } from '../bounded-map.ts';
import type { Rate } from '../config/rate.ts';

/** About 10 MB at most. */
const MAX_KEYS = 50_000;
/** The first wait; each further failure doubles it, up to the window's length. */
export const FIRST_DELAY_MS = 1_000;
/** So many windows without a failure, and earlier failures are forgotten. */
const QUIET_WINDOWS = 10;

interface CountOptions {
  readonly maxKeys?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

interface Count {
  totalHits: number;
  resetTime: Date;
}

/**
 * Counts in fixed windows in the memory of this process, for at most `maxKeys` keys, so that a flood of addresses costs
 * no more than that. Windows end in the order in which they began, and the first one is evicted first.
 */
export class LocalStore implements Store {
  readonly #counts: BoundedMap<string, Count>;
  readonly #now: () => number;
  #windowMs = 60_000;

  constructor({ maxKeys = MAX_KEYS, now = Date.now }: CountOptions = {}) {
    this.#counts = new BoundedMap(maxKeys);
    this.#now = now;
  }

  get size(): number {
    return this.#counts.size;
  }

  init({ windowMs }: Pick<Options, 'windowMs'>): void {
    this.#windowMs = windowMs;
  }

  increment(key: string): IncrementResponse {
    const now = this.#now();
    const count = this.#counts.get(key);
    if (count !== undefined && count.resetTime.getTime() > now) {
      count.totalHits += 1;
      return count;
    }
    this.#counts.dropOldest(({ resetTime }) => resetTime.getTime() <= now);
    const begun = { totalHits: 1, resetTime: new Date(now + this.#windowMs) };
    this.#counts.set(key, begun);
    return begun;
  }

  decrement(key: string): void {
    const count = this.#counts.get(key);
    if (count !== undefined && count.totalHits > 0) count.totalHits -= 1;
  }

  resetKey(key: string): void {
    this.#counts.delete(key);
  }
}

/** Failed log-ins by key, wherever they are counted. */
export interface FailureCounts {
  /** How long the key has to wait before its next try, in milliseconds; 0: not at all. */
  waitMs(key: string): number | Promise<number>;
  add(key: string): void | Promise<void>;
}

/** The longest wait: a window, and the first one at least. */
export function maxDelayMs({ windowMs }: Rate): number {
  return Math.max(FIRST_DELAY_MS, windowMs);
}

/** A key without a failure for so long is as good as new. */
export function quietMs({ windowMs }: Rate): number {
  return QUIET_WINDOWS * windowMs;
}

interface Failures {
  /** Failures that have not leaked away: `limit` of them do in each window. */
  level: number;
  /** Failures beyond the limit, one after the other. */
  strikes: number;
  lastAt: number;
  blockedUntil: number;
}

/**
 * Counts failed log-ins by key (an address, an account). Up to the limit nothing happens; each failure beyond it makes
 * the next try wait, twice as long every time: 1 s, 2 s, 4 s … at most a window. Successes change nothing. Only after
 * ten quiet windows is a key as good as new.
 *
 *   free ──(more than `limit` a window)──▶ waiting ──(the wait is over)──▶ one try ──(fails)──▶ waiting, doubled
 *     ▲                                                                      │
 *     └───────────────────────────(ten quiet windows)────────────────────────┘
 */
export class LocalFailures implements FailureCounts {
  /** The least recent failure first. */
  readonly #byKey: BoundedMap<string, Failures>;
  readonly #rate: Rate;
  readonly #now: () => number;

  constructor(rate: Rate, { maxKeys = MAX_KEYS, now = Date.now }: CountOptions = {}) {
    this.#byKey = new BoundedMap(maxKeys);
    this.#rate = rate;
    this.#now = now;
  }

  get size(): number {
    return this.#byKey.size;
  }

  waitMs(key: string): number {
    return Math.max(0, (this.#byKey.get(key)?.blockedUntil ?? 0) - this.#now());
  }

  add(key: string): void {
    const now = this.#now();
    const { limit, windowMs } = this.#rate;
    const quiet = quietMs(this.#rate);
    let found = this.#byKey.get(key);
    if (found === undefined || now - found.lastAt >= quiet) {
      found = { level: 0, strikes: 0, lastAt: now, blockedUntil: 0 };
    }
    if (found.strikes === 0) found.level = Math.max(0, found.level - ((now - found.lastAt) * limit) / windowMs);
    found.lastAt = now;
    found.level += 1;
    if (found.level > limit) {
      found.blockedUntil = now + Math.min(FIRST_DELAY_MS * 2 ** Math.min(found.strikes, 30), maxDelayMs(this.#rate));
      found.strikes += 1;
    }
    this.#byKey.dropOldest(({ lastAt }) => now - lastAt >= quiet);
    this.#byKey.set(key, found);
  }
}
