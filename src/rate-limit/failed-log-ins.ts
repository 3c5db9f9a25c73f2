import type { Rate } from '../config/rate.ts';

/** The first wait; each further failure doubles it, up to the window's length. */
export const FIRST_DELAY_MS = 1_000;
/** So many windows without a failure, and what was before is forgotten. */
const QUIET_WINDOWS = 10;
const MAX_KEYS = 50_000;

/** Failed log-ins by key, wherever they are counted. */
export interface FailedLogInCounts {
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
export class FailedLogIns implements FailedLogInCounts {
  /** The least recent failure first. */
  readonly #byKey = new Map<string, Failures>();
  readonly #rate: Rate;
  readonly #now: () => number;
  readonly #maxKeys: number;

  constructor(rate: Rate, { now = Date.now, maxKeys = MAX_KEYS } = {}) {
    this.#rate = rate;
    this.#now = now;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#byKey.size;
  }

  waitMs(key: string): number {
    const found = this.#byKey.get(key);
    return found === undefined ? 0 : Math.max(0, found.blockedUntil - this.#now());
  }

  add(key: string): void {
    const now = this.#now();
    const found = this.#byKey.get(key) ?? { level: 0, strikes: 0, lastAt: now, blockedUntil: 0 };
    this.#forget(found, now);
    found.lastAt = now;
    found.level += 1;
    if (found.level > this.#rate.limit) {
      const delay = Math.min(FIRST_DELAY_MS * 2 ** Math.min(found.strikes, 30), maxDelayMs(this.#rate));
      found.strikes += 1;
      found.blockedUntil = now + delay;
    }
    this.#byKey.delete(key);
    this.#makeRoom(now);
    this.#byKey.set(key, found);
  }

  #forget(found: Failures, now: number): void {
    const sinceMs = now - found.lastAt;
    if (sinceMs >= quietMs(this.#rate)) {
      found.level = 0;
      found.strikes = 0;
    } else if (found.strikes === 0) {
      found.level = Math.max(0, found.level - (sinceMs * this.#rate.limit) / this.#rate.windowMs);
    }
  }

  #makeRoom(now: number): void {
    let left = 2;
    for (const [key, { lastAt }] of this.#byKey) {
      const isOver = now - lastAt >= quietMs(this.#rate);
      if (this.#byKey.size < this.#maxKeys && !(left > 0 && isOver)) return;
      this.#byKey.delete(key);
      left -= 1;
    }
  }
}
