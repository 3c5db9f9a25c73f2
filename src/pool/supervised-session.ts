import { CallCancelledError, ServerUnavailableError, ServiceError } from '../errors.ts';
import type { Session } from '../mcp/session.ts';
import { RestartPolicy } from '../process/restart-policy.ts';
import { Waiters } from './waiters.ts';

export type SessionState = 'starting' | 'ready' | 'degraded' | 'backing off' | 'failed' | 'stopped';

export interface SupervisedSessionOptions {
  /** The server's name, for messages. */
  readonly server: string;
  /** Opens a new session; rejects with a public reason. */
  readonly open: (signal: AbortSignal) => Promise<Session>;
  /** What must have worked on a new session before it counts as ready; a failure leaves it degraded. */
  readonly prepare: (session: Session, signal: AbortSignal) => Promise<void>;
  readonly onStateChange: (state: SessionState, reason: string | undefined) => void;
  /** Takes secrets out of reasons, which may quote the child's stderr. */
  readonly redact: (text: string) => string;
  /** Told of every failure that is no `ServiceError`: a fault of ours. */
  readonly onFault: (error: unknown) => void;
}

const STATE_SENTENCES: Readonly<Record<SessionState, string>> = {
  starting: 'is starting',
  ready: 'is ready',
  degraded: 'is not fully ready',
  'backing off': 'is being restarted',
  failed: 'has failed',
  stopped: 'is stopped',
};

/**
 * Keeps one session open for as long as it is wanted.
 *
 *   stopped ──start──▶ starting ──opened──▶ ready ◀──prepared── degraded
 *      ▲                ▲  │                  │  ──not prepared──▶ │
 *      │           delay│  │not opened        │ended               │ended
 *    stop               │  ▼                  ▼                    │
 *   (from any)      backing off ◀─────────────┴────────────────────┘
 *                       │ ▲
 *        fifth end in a │ │ (a slow try a minute goes through `starting`)
 *              minute   ▼ │
 *                      failed
 */
export class SupervisedSession {
  readonly #options: SupervisedSessionOptions;
  readonly #policy = new RestartPolicy();
  readonly #waiters = new Waiters();
  #state: SessionState = 'stopped';
  #reason: string | undefined;
  #session: Session | undefined;
  #nextTryAt = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #lifetime = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: SupervisedSessionOptions) {
    this.#options = options;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Public text on why the state is what it is, where there is something to say. */
  get reason(): string | undefined {
    return this.#reason;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** Begins to open the session; does nothing when already begun. */
  start(): void {
    if (this.#state !== 'stopped') return;
    this.#lifetime = new AbortController();
    this.#startOnce();
  }

  /**
   * Returns the open session, waiting up to `waitMs` for one that is on its way.
   * Throws `ServerUnavailableError` when there is none in time, `CallCancelledError` when `signal` aborts first.
   */
  async whenOpen(waitMs: number, signal: AbortSignal): Promise<Session> {
    const giveUpAt = Date.now() + waitMs;
    while (this.#session === undefined) {
      if (signal.aborted) throw new CallCancelledError('The caller left before the server was ready.');
      const leftMs = giveUpAt - Date.now();
      if (this.#state === 'failed' || this.#state === 'stopped' || leftMs <= 0) throw this.unavailable();
      await this.#waiters.next(leftMs, signal);
    }
    return this.#session;
  }

  /** Ends a session that its server has forgotten and opens a new one; a session already replaced is left alone. */
  replace(expired: Session): void {
    if (this.#session !== expired) return;
    this.#session = undefined;
    void expired.close();
    this.#setState('starting', 'the server forgot the session');
    this.#startOnce();
  }

  /** Ends the session for good; resolves when nothing of it is left. */
  async stop(): Promise<void> {
    clearTimeout(this.#retryTimer);
    const session = this.#session;
    this.#session = undefined;
    this.#setState('stopped', undefined);
    this.#lifetime.abort();
    await Promise.allSettled([session?.close(), this.#running]);
  }

  /** The error that tells a caller why there is no session and when to come back. */
  unavailable(): ServerUnavailableError {
    const retryAfterSeconds = Math.max(1, Math.ceil((this.#nextTryAt - Date.now()) / 1000));
    return new ServerUnavailableError(
      `Server "${this.#options.server}" ${STATE_SENTENCES[this.#state]}${this.#reason ? `: ${this.#reason}` : ''}. Try again later.`,
      retryAfterSeconds,
    );
  }

  #startOnce(): void {
    const lifetime = this.#lifetime;
    const previous = this.#running;
    this.#setState('starting', this.#reason);
    this.#running = previous.then(() => this.#open(lifetime.signal));
  }

  async #open(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    let session: Session;
    try {
      session = await this.#options.open(signal);
    } catch (error) {
      if (!signal.aborted) this.#retryLater(this.#publicReason(error), 0);
      return;
    }
    if (signal.aborted) {
      await session.close();
      return;
    }
    const openedAt = Date.now();
    void session.closed.then((end) => {
      if (this.#session !== session) return;
      this.#session = undefined;
      this.#retryLater(end.reason, Date.now() - openedAt);
    });
    await this.#prepare(session, signal);
  }

  async #prepare(session: Session, signal: AbortSignal): Promise<void> {
    let failure: string | undefined;
    try {
      await this.#options.prepare(session, signal);
    } catch (error) {
      failure = this.#publicReason(error);
    }
    const isOver = await Promise.race([session.closed, Promise.resolve(undefined)]);
    if (signal.aborted || isOver !== undefined) {
      await session.close();
      if (!signal.aborted) this.#retryLater(isOver?.reason ?? 'the session ended', 0);
      return;
    }
    this.#session = session;
    this.#setState(failure === undefined ? 'ready' : 'degraded', failure);
  }

  #retryLater(reason: string, upForMs: number): void {
    const { delayMs, isFailed } = this.#policy.next(Date.now(), upForMs, Math.random());
    this.#nextTryAt = Date.now() + delayMs;
    this.#setState(isFailed ? 'failed' : 'backing off', reason);
    this.#retryTimer = setTimeout(() => this.#startOnce(), delayMs);
    this.#retryTimer.unref();
  }

  #setState(state: SessionState, reason: string | undefined): void {
    this.#state = state;
    this.#reason = reason === undefined ? undefined : this.#options.redact(reason);
    this.#waiters.wake();
    this.#options.onStateChange(state, this.#reason);
  }

  #publicReason(error: unknown): string {
    if (error instanceof ServiceError) return error.message;
    this.#options.onFault(error);
    return 'an unexpected error; the log has it';
  }
}
