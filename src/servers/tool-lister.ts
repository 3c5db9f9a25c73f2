import { RestartPolicy } from '../process/restart-policy.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { type FailureReason, toFailureReason } from './failure-reason.ts';

/** Between two listings that were asked for; a server that announces changes all the time is not asked all the time. */
const MIN_INTERVAL_MS = 1_000;

export type ToolListerState = 'stopped' | 'running' | 'failing' | 'done';

export interface ToolListerOptions {
  /** Opens a session, reads its list of tools and ends it. */
  readonly list: (signal: AbortSignal) => Promise<void>;
  /** Takes secrets out of what the server says. */
  readonly redact: Redact;
  readonly server: string;
  readonly logger: Pick<Logger, 'error'>;
  readonly onStateChange: (state: ToolListerState, why: FailureReason | undefined) => void;
}

/**
 * Reads a server's list of tools on a session of its own, which ends then; retries until it works.
 *
 *   stopped ──start──▶ running ──listed──▶ done
 *      ▲                │  ▲                │
 *      │      not listed│  │delay           │again
 *    stop               ▼  │                ▼
 *   (from any)         failing           running
 */
export class ToolLister {
  readonly #options: ToolListerOptions;
  #policy = new RestartPolicy();
  #state: ToolListerState = 'stopped';
  #why: FailureReason | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #isWantedAgain = false;
  #lifetime = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ToolListerOptions) {
    this.#options = options;
  }

  get state(): ToolListerState {
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

  /** Lists anew, soon; coalesces repeated requests. Does nothing where it was not started or will retry anyway. */
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
      await this.#options.list(signal);
    } catch (error) {
      if (signal.aborted) return;
      const { delayMs } = this.#policy.next(performance.now(), 0, Math.random());
      this.#setState('failing', toFailureReason(error, this.#options));
      this.#startIn(delayMs);
      return;
    }
    if (signal.aborted) return;
    this.#policy = new RestartPolicy();
    this.#setState('done', undefined);
    if (this.#isWantedAgain) this.again();
  }

  #setState(state: ToolListerState, why: FailureReason | undefined): void {
    this.#state = state;
    this.#why = why;
    this.#options.onStateChange(state, why);
  }
}
