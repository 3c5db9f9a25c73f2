import { Waiters } from './waiters.ts';

/** Counts the calls that something is kept for. */
export class CallCount {
  readonly #waiters = new Waiters();
  #calls = 0;
  #isGivenUp = false;

  /** Each is followed by one `end`. */
  begin(): void {
    this.#calls += 1;
  }

  end(): void {
    this.#calls -= 1;
    if (this.#calls === 0) this.#waiters.wake();
  }

  /** Resolves once there is no call, after `waitMs`, or when it is given up. */
  async whenNone(waitMs: number): Promise<void> {
    const giveUpAt = Date.now() + waitMs;
    for (let leftMs = waitMs; this.#calls > 0 && !this.#isGivenUp && leftMs > 0; leftMs = giveUpAt - Date.now()) {
      await this.#waiters.next(leftMs);
    }
  }

  /** Nobody is to wait any more. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#waiters.wake();
  }
}
