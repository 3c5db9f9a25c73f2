import type { ServerResponse } from 'node:http';
import { ServerUnavailableError } from '../../errors.ts';

const RETRY_AFTER_SECONDS = 5;

/** Counts the running tool calls, and refuses new ones once the service is ending. */
export class RunningCalls {
  readonly #running = new Set<ServerResponse>();
  #isDraining = false;
  #onNone: () => void = () => undefined;

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /**
   * Aborts when the caller leaves before the whole answer was sent. To be called before anything is awaited: `close` is
   * emitted once and not repeated.
   */
  follow(response: ServerResponse): AbortSignal {
    const leaving = new AbortController();
    response.once('close', () => {
      if (this.#running.delete(response) && this.#running.size === 0) this.#onNone();
      // An abort costs more than the rest of this, and after the whole answer it has no listeners.
      if (!response.writableFinished) leaving.abort();
    });
    return leaving.signal;
  }

  /** Counts a call until its answer has left. Throws `ServerUnavailableError` once the service is ending. */
  begin(response: ServerResponse): void {
    if (this.#isDraining) {
      throw new ServerUnavailableError('The service is ending. Try again later.', RETRY_AFTER_SECONDS);
    }
    this.#running.add(response);
  }

  /** Refuses new calls; resolves to whether all running ones were answered within `timeMs`. */
  drain(timeMs: number): Promise<boolean> {
    this.#isDraining = true;
    if (this.#running.size === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeMs);
      this.#onNone = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }
}
