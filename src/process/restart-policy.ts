const WINDOW_MS = 60_000;
const FAILURES_UNTIL_FAILED = 5;
const SLOW_RETRY_MS = 60_000;
const FIRST_GROWING_DELAY_MS = 500;
const MAX_JITTER = 0.2;

export interface RestartDecision {
  readonly delayMs: number;
  /** Too many ends within a minute: from here on one slow try a minute. */
  readonly isFailed: boolean;
}

/** Decides when something that ended is started again: at once, then after growing delays, then once a minute. */
export class RestartPolicy {
  #ends: number[] = [];
  #isFailed = false;

  /**
   * Records one more end at `now` and says how long to wait. All times in milliseconds; `upForMs` is how long it had
   * been up, 0 if it never came up; `random` is in [0, 1).
   */
  next(now: number, upForMs: number, random: number): RestartDecision {
    if (upForMs >= WINDOW_MS) this.#isFailed = false;
    this.#ends = [...this.#ends.filter((time) => now - time < WINDOW_MS), now];
    const jitter = 1 + (random * 2 - 1) * MAX_JITTER;
    this.#isFailed ||= this.#ends.length >= FAILURES_UNTIL_FAILED;
    if (this.#isFailed) return { delayMs: SLOW_RETRY_MS * jitter, isFailed: true };
    if (this.#ends.length === 1) return { delayMs: 0, isFailed: false };
    return { delayMs: FIRST_GROWING_DELAY_MS * 2 ** (this.#ends.length - 2) * jitter, isFailed: false };
  }
}
