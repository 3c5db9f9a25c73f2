import { CallCancelledError, ServerUnavailableError } from '../errors.ts';

/** Queued calls for each that may run: enough to smooth a burst, few enough that the last one is still answered soon. */
const QUEUE_FACTOR = 16;

/** Lets a bounded number of a server's calls run at once and a bounded number wait. */
export class ConcurrencyLimit {
  readonly #server: string;
  readonly #queue = new Set<() => void>();
  #maxRunning: number;
  #running = 0;

  constructor(server: string, maxRunning: number) {
    this.#server = server;
    this.#maxRunning = maxRunning;
  }

  /** How many calls run now. */
  get running(): number {
    return this.#running;
  }

  /** Lets another number run from here on; those that run go on. */
  resize(maxRunning: number): void {
    this.#maxRunning = maxRunning;
    while (this.#running < maxRunning && this.#queue.size > 0) {
      this.#running += 1;
      this.#letNextGo();
    }
  }

  /**
   * Runs `work` when its turn has come.
   * Throws `ServerUnavailableError` when the queue is full, `CallCancelledError` when `signal` aborts while waiting.
   */
  async run<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#maxRunning) await this.#turn(signal);
    else this.#running += 1;
    try {
      return await work();
    } finally {
      this.#passOn();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#queue.size >= this.#maxRunning * QUEUE_FACTOR) {
      throw new ServerUnavailableError(`Server "${this.#server}" has too many calls waiting. Try again later.`, 1);
    }
    return new Promise((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#queue.delete(go);
        reject(new CallCancelledError('The caller left while the call was waiting.'));
      };
      this.#queue.add(go);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Hands the place of a finished call to the next in the queue, or frees it. */
  #passOn(): void {
    if (this.#queue.size > 0 && this.#running <= this.#maxRunning) this.#letNextGo();
    else this.#running -= 1;
  }

  #letNextGo(): void {
    const [next] = this.#queue;
    if (next === undefined) return;
    this.#queue.delete(next);
    next();
  }
}
