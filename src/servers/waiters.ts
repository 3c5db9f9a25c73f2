/** Those who wait for the next change of something. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Wakes all of them. */
  wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves at the next change, after `waitMs`, or when `signal` aborts. */
  next(waitMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      this.#waiting.add(done);
      signal?.addEventListener('abort', done);
    });
  }
}
