import { CallCancelledError, ServerUnavailableError } from '../errors.ts';
import type { Session, SessionEnd } from '../mcp/session.ts';
import { RestartPolicy } from '../process/restart-policy.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redact } from '../telemetry/redactor.ts';
import type { Catalogue } from './catalogue.ts';
import { type FailureReason, redactError, toFailureReason } from './failure-reason.ts';
import { IdleWatch, type PingTimes, type PingVerdict } from './idle-watch.ts';
import { type SessionHold, START_WAIT_MS } from './lease.ts';
import { StatusTimes } from './status-times.ts';
import { Waiters } from './waiters.ts';

export type SessionState = 'starting' | 'ready' | 'degraded' | 'backing off' | 'failed' | 'stopped';

export interface SharedSessionOptions {
  /** The server's name, for messages. */
  readonly server: string;
  /** Opens a new session; rejects with a public reason. */
  readonly open: (signal: AbortSignal) => Promise<Session>;
  /** What must have worked on a new session before it counts as ready; a failure leaves it degraded. */
  readonly prepare: (session: Session, signal: AbortSignal) => Promise<void>;
  /** The list that `prepare` reads. */
  readonly tools: { readonly current: Catalogue | undefined };
  readonly onStateChange: (state: SessionState, why: FailureReason | undefined, retryInMs: number | undefined) => void;
  /** Takes the admin's secrets out of what the server says. */
  readonly redact: Redact;
  readonly logger: Pick<Logger, 'error'>;
  readonly pingTimes?: PingTimes | undefined;
}

/** A call may try a remote server that failed before its slow retry is due, once in so long: that starts no process. */
const MIN_BETWEEN_CALLS_TRIES_MS = 5_000;

const STATE_SENTENCES: Readonly<Record<SessionState, string>> = {
  starting: 'is starting',
  ready: 'is ready',
  degraded: 'is not fully ready',
  'backing off': 'is being restarted',
  failed: 'has failed',
  stopped: 'is stopped',
};

/**
 * The session that all callers of a server share, kept open from `start` to `stop`.
 *
 *   stopped ──start──▶ starting ──prepared──▶ ready ──credentials refused on a ping──▶ degraded
 *                       ▲  │  └──opened, but not prepared──────────────────────────────▶ │ │
 *                       │  │                  │ ▲──────────pinged, and prepared──────────┘ │
 *                  delay│  │not opened        │                                           │
 *                       │  ▼                  ▼                                           │
 *                      backing off ◀──ended, or no answer to a ping───────────────────────┘
 *                          │fifth time in a minute
 *                          ▼
 *                      failed ──a minute later, or for a call if the server is remote──▶ starting
 *
 * From ready and degraded: forgotten by the server ──▶ starting, at once. From any: stop ──▶ stopped.
 */
export class SharedSession implements SessionHold {
  readonly redact: Redact;
  /** This and the next two are set by this class alone. */
  state: SessionState = 'stopped';
  /** The reason for the state, if there is one. */
  why: FailureReason | undefined;
  session: Session | undefined;
  readonly times = new StatusTimes();
  readonly #options: SharedSessionOptions;
  #policy = new RestartPolicy();
  readonly #waiters = new Waiters();
  #watch: IdleWatch | undefined;
  /** On the clock of `performance.now()`, which is monotonic. */
  #nextTryAt = 0;
  #lastTryAt = 0;
  /** Its last session was not to a child process. */
  #isRemote = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #lifetime = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: SharedSessionOptions) {
    this.#options = options;
    this.redact = options.redact;
  }

  get catalogue(): Catalogue | undefined {
    return this.#options.tools.current;
  }

  /** Begins to open the session; does nothing when already begun. */
  start(): void {
    if (this.state !== 'stopped') return;
    this.#policy = new RestartPolicy();
    this.#lifetime = new AbortController();
    this.#startOnce();
  }

  /**
   * Returns the open session, waiting up to `waitMs` for one that is being opened.
   * Throws `ServerUnavailableError` when there is none in time, `CallCancelledError` when `signal` aborts first.
   */
  async whenOpen(signal: AbortSignal, waitMs = START_WAIT_MS): Promise<Session> {
    if (this.session !== undefined) return this.session;
    if (this.state === 'failed' && this.#isRemote && performance.now() >= this.#callMayTryAt) this.#startOnce();
    const isOver = () => this.session !== undefined || this.state === 'failed' || this.state === 'stopped';
    await this.#waiters.until(isOver, waitMs, signal);
    if (this.session !== undefined) return this.session;
    throw signal.aborted ? new CallCancelledError('The caller left before the server was ready.') : this.unavailable();
  }

  async toPublicError(error: unknown): Promise<unknown> {
    return redactError(error, this.redact);
  }

  /** Ends the session until the next `start`; resolves when nothing of it is left. */
  async stop(): Promise<void> {
    clearTimeout(this.#retryTimer);
    const session = this.session;
    this.#abandon();
    this.#setState('stopped', undefined);
    this.#lifetime.abort();
    await Promise.allSettled([session?.close(), this.#running]);
  }

  /** The error for a caller: why there is no session, and when to come back. */
  unavailable(): ServerUnavailableError {
    const nextTryAt = this.#isRemote ? Math.min(this.#nextTryAt, this.#callMayTryAt) : this.#nextTryAt;
    const retryAfterSeconds = Math.max(1, Math.ceil((nextTryAt - performance.now()) / 1000));
    const reason = this.why === undefined ? '' : `: ${this.why.reason}`;
    return new ServerUnavailableError(
      `Server "${this.#options.server}" ${STATE_SENTENCES[this.state]}${reason}. Try again later.`,
      retryAfterSeconds,
      this.why,
    );
  }

  get #callMayTryAt(): number {
    return this.#lastTryAt + MIN_BETWEEN_CALLS_TRIES_MS;
  }

  #startOnce(why = this.why): void {
    const lifetime = this.#lifetime;
    const previous = this.#running;
    clearTimeout(this.#retryTimer);
    this.#setState('starting', why);
    this.#running = previous.then(() => this.#openOnce(lifetime.signal));
  }

  async #openOnce(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#lastTryAt = performance.now();
    let session: Session;
    try {
      session = await this.#options.open(signal);
    } catch (error) {
      if (!signal.aborted) this.#retryLater(this.#toReason(error), 0);
      return;
    }
    if (signal.aborted) {
      await session.close();
      return;
    }
    this.#isRemote = session.transportType !== 'stdio';
    const openedAt = performance.now();
    void session.closed.then((end) => this.#noteEnd(session, end, performance.now() - openedAt));
    await this.#prepare(session, signal);
    if (this.session !== session) return;
    const onVerdict = (verdict: PingVerdict) => this.#noteVerdict(session, verdict, openedAt, signal);
    this.#watch = new IdleWatch(session, onVerdict, this.#options.pingTimes);
  }

  #noteEnd(session: Session, { reason, detail, isForgotten }: SessionEnd, upForMs: number): void {
    if (this.session !== session) return;
    this.#abandon();
    if (isForgotten) this.#startOnce({ reason, detail });
    else this.#retryLater({ reason, detail }, upForMs);
  }

  #noteVerdict(session: Session, verdict: PingVerdict, openedAt: number, signal: AbortSignal): void {
    if (this.session !== session) return;
    switch (verdict.kind) {
      case 'alive':
        if (this.state === 'degraded') void this.#prepareAgain(session, signal);
        break;
      case 'refused':
        if (this.state !== 'degraded' || this.why?.reason !== verdict.reason)
          this.#setState('degraded', { reason: verdict.reason, detail: undefined });
        break;
      case 'dead':
        this.#abandon();
        // The old one ends first: its process may hold what the new one needs.
        this.#running = this.#running.then(() => session.close());
        this.#retryLater(verdict, performance.now() - openedAt);
        break;
    }
  }

  #abandon(): void {
    this.session = undefined;
    this.#watch?.stop();
  }

  async #prepareAgain(session: Session, signal: AbortSignal): Promise<void> {
    const failure = await this.#tryPrepare(session, signal);
    if (failure === undefined && this.session === session && this.state === 'degraded') {
      this.#setState('ready', undefined);
    }
  }

  async #prepare(session: Session, signal: AbortSignal): Promise<void> {
    const failure = await this.#tryPrepare(session, signal);
    const isOver = await Promise.race([session.closed, Promise.resolve(undefined)]);
    if (signal.aborted || isOver !== undefined) {
      await session.close();
      if (!signal.aborted) this.#retryLater(isOver ?? { reason: 'the session ended' }, 0);
      return;
    }
    this.session = session;
    this.#setState(failure === undefined ? 'ready' : 'degraded', failure);
  }

  async #tryPrepare(session: Session, signal: AbortSignal): Promise<FailureReason | undefined> {
    try {
      await this.#options.prepare(session, signal);
      return undefined;
    } catch (error) {
      return this.#toReason(error);
    }
  }

  #retryLater({ reason, detail }: Pick<SessionEnd, 'reason' | 'detail'>, upForMs: number): void {
    const { delayMs, isFailed } = this.#policy.next(performance.now(), upForMs, Math.random());
    this.#nextTryAt = performance.now() + delayMs;
    this.#setState(isFailed ? 'failed' : 'backing off', { reason, detail }, delayMs);
    this.#retryTimer = setTimeout(() => this.#startOnce(), delayMs);
    this.#retryTimer.unref();
  }

  #setState(state: SessionState, why: FailureReason | undefined, retryInMs?: number): void {
    this.state = state;
    this.why = why;
    this.times.note(why === undefined ? state : 'failing', retryInMs);
    this.#waiters.wake();
    this.#options.onStateChange(state, why, retryInMs);
  }

  #toReason(error: unknown): FailureReason {
    return toFailureReason(error, this.#options);
  }
}
