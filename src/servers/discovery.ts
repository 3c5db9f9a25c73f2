import { RestartPolicy } from '../process/restart-policy.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { type FailureReason, toFailureReason } from './failure-reason.ts';

/** Between two listings that were asked for; a server that announces changes all the time is not asked all the time. */
const MIN_INTERVAL_MS = 1_000;

export type DiscoveryState = 'stopped' | 'running' | 'failing' | 'done';

export interface DiscoveryOptions {
  /** Opens a session, reads its list of tools and ends it. */
  readonly discover: (signal: AbortSignal) => Promise<void>;
  /** Takes secrets out of what the server says. */
  readonly redact: Redact;
  /** Told of every failure that is no `ServiceError`: a fault of ours. */
  readonly onFault: (error: unknown) => void;
  readonly onStateChange: (state: DiscoveryState, why: FailureReason | undefined) => void;
}

/**
 * Reads a server's list of tools on a session of its own, which lasts no longer than that; tries until it works.
 *
 *   stopped ──start──▶ running ──listed──▶ done
 *      ▲                │  ▲                │
 *      │       not listed│  │delay           │again
 *    stop                ▼  │                ▼
 *   (from any)         failing            running
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  #policy = new RestartPolicy();
  #state: DiscoveryState = 'stopped';
  #why: FailureReason | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #isWantedAgain = false;
  #lifetime = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  get state(): DiscoveryState {
    return this.#state;
  }

  /** Why the last try failed. */
  get why(): FailureReason | undefined {
    return this.#why;
  }

  start(): void {
    if (this.#state !== 'stopped') return;
    this.#lifetime = new AbortController();
    this.#policy = new RestartPolicy();
    this.#startOnce();
  }

  /** Lists anew, soon; once for any number of wishes. Does nothing where it has not begun or will try anyway. */
  again(): void {
    if (this.#state === 'running') this.#isWantedAgain = true;
    if (this.#state === 'done') this.#startIn(Math.max(0, this.#startedAt + MIN_INTERVAL_MS - Date.now()));
  }

  /** Ends what is under way; resolves when nothing of it is left. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#setState('stopped', undefined);
    this.#lifetime.abort();
    await this.#running;
  }

  #startIn(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#startOnce(), delayMs);
    this.#timer.unref();
  }

  #startOnce(): void {
    const { signal } = this.#lifetime;
    this.#startedAt = Date.now();
    this.#isWantedAgain = false;
    this.#setState('running', this.#why);
    this.#running = this.#running.then(() => this.#run(signal));
  }

  async #run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    try {
      await this.#options.discover(signal);
    } catch (error) {
      if (signal.aborted) return;
      const { delayMs } = this.#policy.next(performance.now(), 0, Math.random());
      this.#setState('failing', toFailureReason(error, this.#options.redact, this.#options.onFault));
      this.#startIn(delayMs);
      return;
    }
    if (signal.aborted) return;
    this.#policy = new RestartPolicy();
    this.#setState('done', undefined);
    if (this.#isWantedAgain) this.again();
  }

  #setState(state: DiscoveryState, why: FailureReason | undefined): void {
    this.#state = state;
    this.#why = why;
    this.#options.onStateChange(state, why);
  }
}
