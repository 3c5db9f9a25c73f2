import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { CallCancelledError, ServerUnavailableError } from '../../errors.ts';

const RETRY_AFTER_SECONDS = 5;

/** A request for a call, from its first moment: the caller may leave before the call begins. */
export interface CallRequest {
  /** Aborts when the caller leaves before the whole answer was sent. */
  readonly signal: AbortSignal;
  /**
   * Counts the call until its answer has left. Throws `CallCancelledError` when the caller has left already, and
   * `ServerUnavailableError` once new calls are refused.
   */
  begin(): void;
}

/**
 * Counts the running tool calls through the end of the service. A count, since a set of responses was measured to double
 * the time of garbage collection.
 *
 *   serving ──leave──▶ leaving ──closeConnections──▶ closing ──drain──▶ draining ──cutOff──▶ over
 *
 * Until it is draining, calls are still accepted: load balancers read at /readyz that they should go elsewhere.
 */
export class RunningCalls {
  #running = 0;
  #isLeaving = false;
  #isClosing = false;
  #isDraining = false;
  #onNone: (() => void) | undefined;
  readonly #cutOff = new AbortController();

  constructor() {
    setMaxListeners(0, this.#cutOff.signal);
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  get running(): number {
    return this.#running;
  }

  /** Aborts, with the error for the caller, when calls that have not run yet are given up. */
  get cutOffSignal(): AbortSignal {
    return this.#cutOff.signal;
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
        if (this.#isDraining) throw isEnding();
        isRunning = true;
        this.#running += 1;
      },
    };
  }

  /** Once connections are to end, lets this one close after its answer, so that its caller opens one elsewhere. */
  closeAfter(response: ServerResponse): void {
    if (this.#isClosing && !response.headersSent) response.setHeader('Connection', 'close');
  }

  /** Calls are still accepted, and the service is not ready any more. */
  leave(): void {
    this.#isLeaving = true;
  }

  /** From here on every answer closes its connection. */
  closeConnections(): void {
    this.#isClosing = true;
  }

  /**
   * Resolves to whether all running calls were answered within `timeMs`. New ones are refused, unless the port is closed: what
   * comes then is on a connection that a proxy has kept, whose answer would be the caller's.
   */
  drain(timeMs: number, { isPortClosed = false } = {}): Promise<boolean> {
    this.#isLeaving = true;
    this.#isClosing = true;
    this.#isDraining = !isPortClosed;
    if (this.#running === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeMs);
      this.#onNone = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /** Gives up calls whose body has not come whole. Those that run are answered when their sessions end. */
  cutOff(): void {
    this.#cutOff.abort(isEnding());
  }

  #end(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#onNone?.();
  }
}

function isEnding(): ServerUnavailableError {
  return new ServerUnavailableError('The service is ending. Try again later.', RETRY_AFTER_SECONDS);
}
