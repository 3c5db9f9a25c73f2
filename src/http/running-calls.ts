import type { ServerResponse } from 'node:http';
import { ServerUnavailableError } from '../errors.ts';

const RETRY_AFTER_SECONDS = 5;

/** Counts the tool calls that run, and lets no new one in once the service is ending. */
export class RunningCalls {
  #running = 0;
  #isDraining = false;
  #onNone: (() => void) | undefined;

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Counts a call until its answer has left. Throws `ServerUnavailableError` once the service is ending. */
  begin(response: ServerResponse): void {
    if (this.#isDraining) {
      throw new ServerUnavailableError('The service is ending. Try again later.', RETRY_AFTER_SECONDS);
    }
    this.#running += 1;
    response.once('close', () => {
      this.#running -= 1;
      if (this.#running === 0) this.#onNone?.();
    });
  }

  /** Lets no new call in; resolves to whether all running ones were answered within `timeMs`. */
  drain(timeMs: number): Promise<boolean> {
    this.#isDraining = true;
    if (this.#running === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeMs);
      this.#onNone = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}
