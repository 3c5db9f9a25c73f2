/** Those who wait for a condition whose changes `wake` announces. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Lets all of them look again. */
  wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves once the condition holds, after `waitMs`, which may be infinite, or when `signal` aborts. */
  async until(condition: () => boolean, waitMs: number, signal?: AbortSignal): Promise<void> {
    const giveUpAt = performance.now() + waitMs;
    for (let leftMs = waitMs; leftMs > 0 && !signal?.aborted && !condition(); leftMs = giveUpAt - performance.now()) {
      await this.#next(leftMs, signal);
    }
  }

  #next(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = waitMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(done, waitMs);
      this.#waiting.add(done);
      signal?.addEventListener('abort', done);
    });
  }
}
