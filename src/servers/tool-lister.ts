import { setTimeout as sleep } from 'node:timers/promises';
import { RestartPolicy } from '../process/restart-policy.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { type FailureReason, toFailureReason } from './failure-reason.ts';
import { StatusTimes } from './status-times.ts';
import { Waiters } from './waiters.ts';

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
  readonly onStateChange: (
    state: ToolListerState,
    why: FailureReason | undefined,
    retryInMs: number | undefined,
  ) => void;
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
  /** This and the next are set by this class alone. */
  state: ToolListerState = 'stopped';
  /** Why the last try failed. */
  why: FailureReason | undefined;
  readonly times = new StatusTimes();
  readonly #options: ToolListerOptions;
  readonly #requests = new Waiters();
  #isRequested = false;
  #lifetime = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ToolListerOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.state !== 'stopped') return;
    this.#lifetime = new AbortController();
    const { signal } = this.#lifetime;
    this.#setState('running', undefined);
    this.#running = this.#running.then(() => this.#run(signal));
  }

  /** Lists anew, soon; coalesces repeated requests. Does nothing where it was not started or will retry anyway. */
  again(): void {
    this.#isRequested = true;
    this.#requests.wake();
  }

  /** Ends what is under way; resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#setState('stopped', undefined);
    this.#lifetime.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let policy = new RestartPolicy();
    while (!signal.aborted) {
      const startedAt = performance.now();
      this.#isRequested = false;
      const failure = await this.#list(signal);
      if (signal.aborted) return;
      if (failure === undefined) {
        policy = new RestartPolicy();
        this.#setState('done', undefined);
        await this.#requests.until(() => this.#isRequested, Number.POSITIVE_INFINITY, signal);
        await pause(startedAt + MIN_INTERVAL_MS - performance.now(), signal);
      } else {
        const { delayMs } = policy.next(performance.now(), 0, Math.random());
        this.#setState('failing', failure, delayMs);
        await pause(delayMs, signal);
      }
      if (!signal.aborted) this.#setState('running', failure);
    }
  }

  /** Returns why the tools could not be listed. */
  async #list(signal: AbortSignal): Promise<FailureReason | undefined> {
    try {
      await this.#options.list(signal);
      return undefined;
    } catch (error) {
      return signal.aborted ? undefined : toFailureReason(error, this.#options);
    }
  }

  #setState(state: ToolListerState, why: FailureReason | undefined, retryInMs?: number): void {
    this.state = state;
    this.why = why;
    this.times.note(why === undefined ? state : 'failing', retryInMs);
    this.#options.onStateChange(state, why, retryInMs);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, ms), undefined, { signal, ref: false }).catch(() => undefined);
}
