import { CallCancelledError, ServerUnavailableError } from '../errors.ts';
import { FairTurns, shareOfOne, type TurnLimits } from '../turns/fair-turns.ts';

/** Queued calls for each that may run: enough to smooth a burst, few enough that the last one is still answered soon. */
const QUEUE_FACTOR = 16;

export interface ConcurrencySettings {
  readonly maxConcurrency: number;
  /** Per caller; `undefined`: all but a quarter, so that one caller's calls never block all others. */
  readonly maxConcurrencyPerUser?: number | undefined;
}

/** Lets a bounded number of a server's calls run at once and a bounded number wait; callers take turns. */
export class ConcurrencyLimit {
  readonly #server: string;
  readonly #turns: FairTurns;

  constructor(server: string, settings: ConcurrencySettings) {
    this.#server = server;
    this.#turns = new FairTurns(toTurnLimits(settings));
  }

  /** How many calls run now. */
  get running(): number {
    return this.#turns.running;
  }

  /** Changes the limits; calls that run go on. */
  resize(settings: ConcurrencySettings): void {
    this.#turns.resize(toTurnLimits(settings));
  }

  /**
   * Runs `work` when it is the turn of this caller.
   * Throws `ServerUnavailableError` when the queue is full, `CallCancelledError` when `signal` aborts before the turn:
   * `work` does not run then.
   */
  async run<Result>(callerId: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    if (signal.aborted) throw leftWhileWaiting();
    if (!this.#turns.tryTake(callerId)) await this.#wait(callerId, signal);
    try {
      // The caller may have left between the turn being granted and this line.
      if (signal.aborted) throw leftWhileWaiting();
      return await work();
    } finally {
      this.#turns.release(callerId);
    }
  }

  async #wait(callerId: string, signal: AbortSignal): Promise<void> {
    const turn = this.#turns.wait(callerId, signal);
    if (typeof turn === 'string') {
      const whose = turn === 'full-of-one' ? 'too many of your calls' : 'too many calls';
      throw new ServerUnavailableError(`Server "${this.#server}" has ${whose} waiting. Try again later.`, 1);
    }
    if (!(await turn)) throw leftWhileWaiting();
  }
}

function toTurnLimits({ maxConcurrency, maxConcurrencyPerUser }: ConcurrencySettings): TurnLimits {
  const maxRunningOfOne = Math.min(maxConcurrency, maxConcurrencyPerUser ?? shareOfOne(maxConcurrency));
  return {
    maxRunning: maxConcurrency,
    maxRunningOfOne,
    maxWaiting: maxConcurrency * QUEUE_FACTOR,
    maxWaitingOfOne: shareOfOne(maxConcurrency * QUEUE_FACTOR),
  };
}

function leftWhileWaiting(): CallCancelledError {
  return new CallCancelledError('The caller left while the call was waiting.');
}
