import type { IncrementResponse, Options, Store } from 'express-rate-limit';

/** About 10 MB at most. */
const MAX_KEYS = 50_000;

interface Count {
  totalHits: number;
  resetTime: Date;
}

/**
 * Counts in fixed windows in the memory of this process, and never for more than `maxKeys` keys: a flood of addresses
 * costs no more than that. When it is full, the count whose window ends first is given up.
 */
export class BoundedStore implements Store {
  readonly localKeys = true;
  /** In the order in which the windows began, which is the order in which they end. */
  readonly #counts = new Map<string, Count>();
  readonly #maxKeys: number;
  readonly #now: () => number;
  #windowMs = 60_000;

  constructor({ maxKeys = MAX_KEYS, now = Date.now }: { maxKeys?: number; now?: () => number } = {}) {
    this.#maxKeys = maxKeys;
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
    this.#counts.delete(key);
    this.#makeRoom(now);
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

  /** Two ended windows are dropped for each that begins, so that ended ones never pile up. */
  #makeRoom(now: number): void {
    let left = 2;
    for (const [key, { resetTime }] of this.#counts) {
      const mustGo = this.#counts.size >= this.#maxKeys || (left > 0 && resetTime.getTime() <= now);
      if (!mustGo) return;
      this.#counts.delete(key);
      left -= 1;
    }
  }
}
