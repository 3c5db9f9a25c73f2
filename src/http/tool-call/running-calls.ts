import type { ServerResponse } from 'node:http';
import { CallCancelledError, ServerUnavailableError } from '../../errors.ts';

const RETRY_AFTER_SECONDS = 5;

/** A request for a call, from its first moment: the caller may leave before the call begins. */
export interface CallRequest {
  /** Aborts when the caller leaves before the whole answer was sent. */
  readonly signal: AbortSignal;
  /**
   * Counts the call until its answer has left. Throws `CallCancelledError` when the caller has left already, and
   * `ServerUnavailableError` once the service is ending.
   */
  begin(): void;
}

/**
 * Counts the running tool calls, and refuses new ones once the service is ending. A count, since a set of responses was
 * measured to double the time of garbage collection.
 */
export class RunningCalls {
  #running = 0;
  #isDraining = false;
  #onNone: (() => void) | undefined;

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Follows a request. To be called before anything is awaited: `close` is emitted once and not repeated. */
  follow(response: ServerResponse): CallRequest {
    const leaving = new AbortController();
    let isRunning = false;
    response.once('close', () => {
      if (isRunning) this.#end();
      // An abort costs more than the rest of this, and after the whole answer it has no listeners.
      if (!response.writableFinished) leaving.abort();
    });
    return {
      signal: leaving.signal,
      begin: () => {
        if (leaving.signal.aborted) throw new CallCancelledError('The caller left before the call began.');
        if (this.#isDraining) {
          throw new ServerUnavailableError('The service is ending. Try again later.', RETRY_AFTER_SECONDS);
        }
        isRunning = true;
        this.#running += 1;
      },
    };
  }

  /** Refuses new calls; resolves to whether all running ones were answered within `timeMs`. */
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

  #end(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#onNone?.();
  }
}
