import { CallCancelledError, type ServerUnavailableError, type ServiceError } from '../errors.ts';
import type { Session, SessionEnd } from '../mcp/session.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { DEFAULT_PING_TIMES, IdleWatch, type PingTimes } from './idle-watch.ts';
import { toLoss, toNotOpen, toOpenFailure } from './owned-session-errors.ts';
import type { PoolKey, SessionOwner } from './pool-key.ts';
import type { Occupant, SessionPlaces } from './session-places.ts';
import { Waiters } from './waiters.ts';

/** Callers of one session that wait for it; a user has no use for more. */
const MAX_CALLERS_WAITING = 128;

export type OwnedSessionState = 'waiting' | 'starting' | 'ready' | 'ending' | 'stopped';

/** What the pool needs of a session. */
export type PooledSession = Pick<Session, 'closed' | 'close' | 'transportType' | 'lastActivityAt' | 'isBusy' | 'ping'>;

export interface OwnedSessionOptions<S> {
  readonly server: string;
  readonly maxSessionsOfServer: number;
  readonly key: PoolKey;
  readonly owner: SessionOwner;
  /** Names the user in counts. */
  readonly user: string;
  readonly idleTimeoutMs: number;
  readonly places: SessionPlaces;
  readonly open: (signal: AbortSignal) => Promise<S>;
  /** Takes secrets, the user's own too, out of what the server says. */
  readonly redact: Redact;
  /** Told of every failure that is no `ServiceError`: a fault of ours. */
  readonly onFault: (error: unknown) => void;
  /** It could not be opened, or was lost after `upForMs`. */
  readonly onFailure: (error: ServiceError, upForMs: number) => void;
  /** No new call is to use it. */
  readonly onGone: () => void;
  readonly onStateChange: (state: OwnedSessionState) => void;
  readonly pingTimes?: PingTimes | undefined;
}

/**
 * A user's session: opened for the first call, ended when it is no longer used, never restarted by itself.
 *
 *   waiting ──place──▶ starting ──opened──▶ ready
 *      │                 │   │                │
 *      │                 │   │ended           │idle, evicted, ended; lost, replaced or superseded: after the last call
 *      │                 │   ▼                ▼
 *      │ended, or nobody │   ending ◀─────────┘
 *      │waits any more   │     │nothing is left of it
 *      │                 ▼     ▼
 *      └─────▶ ending ──▶ stopped ◀── (from starting: not opened)
 */
export class OwnedSession<S extends PooledSession> implements Occupant {
  readonly #options: OwnedSessionOptions<S>;
  readonly #waiters = new Waiters();
  readonly #lifetime = new AbortController();
  #state: OwnedSessionState = 'waiting';
  #session: S | undefined;
  #failure: ServiceError | undefined;
  #calls = 0;
  #isGone = false;
  #isLost = false;
  #lastUsedAt = Date.now();
  #idleTimer: NodeJS.Timeout | undefined;
  #watch: IdleWatch | undefined;
  #opening: Promise<void> = Promise.resolve();
  #end: Promise<void> | undefined;

  constructor(options: OwnedSessionOptions<S>) {
    this.#options = options;
  }

  get key(): PoolKey {
    return this.#options.key;
  }

  get owner(): SessionOwner {
    return this.#options.owner;
  }

  get server(): string {
    return this.#options.server;
  }

  get maxSessionsOfServer(): number {
    return this.#options.maxSessionsOfServer;
  }

  get user(): string {
    return this.#options.user;
  }

  get state(): OwnedSessionState {
    return this.#state;
  }

  /** Milliseconds since the epoch. */
  get lastUsedAt(): number {
    return this.#lastUsedAt;
  }

  /** Calls that use it or wait for it. */
  get calls(): number {
    return this.#calls;
  }

  get redact(): Redact {
    return this.#options.redact;
  }

  get isIdle(): boolean {
    return this.#state === 'ready' && this.#calls === 0;
  }

  get isOnItsWay(): boolean {
    return this.#state === 'waiting' || this.#state === 'starting';
  }

  /** The session while calls can be sent on it. */
  get session(): S | undefined {
    return this.#state === 'ready' && !this.#isLost ? this.#session : undefined;
  }

  /** Keeps it from ending while it is idle; each is followed by one `release`. */
  hold(): void {
    this.#calls += 1;
  }

  release(): void {
    this.#calls -= 1;
    this.#lastUsedAt = Date.now();
    if (this.#calls > 0) return;
    if (this.#isGone || this.#state === 'waiting') void this.end();
    else if (this.isIdle) this.#options.places.noteIdle(this);
  }

  /**
   * Returns the open session, waiting up to `waitMs` for it.
   * Throws the error that kept it from opening, `ServerUnavailableError` when it is not open in time or was ended,
   * `CallCancelledError` when `signal` aborts first.
   */
  async whenOpen(waitMs: number, signal: AbortSignal): Promise<S> {
    const giveUpAt = performance.now() + waitMs;
    while (this.isOnItsWay) {
      if (signal.aborted) throw new CallCancelledError('The caller left before the server was ready.');
      const leftMs = giveUpAt - performance.now();
      if (leftMs <= 0 || this.#waiters.size >= MAX_CALLERS_WAITING) throw this.#unavailable();
      await this.#waiters.next(leftMs, signal);
    }
    const session = this.session;
    if (session !== undefined) return session;
    throw this.#failure ?? this.#unavailable();
  }

  /** It has its place. */
  begin(): void {
    this.#setState('starting');
    this.#opening = this.#open();
  }

  makeRoom(): void {
    void this.end();
  }

  /** The server has forgotten it: nothing is sent on it any more, and what it still answers is waited for. */
  expire(): void {
    this.#isLost = true;
    this.retire();
  }

  /** Lets no new call use it and ends it after the last one. */
  retire(): void {
    this.#leavePool();
    if (this.#calls === 0) void this.end();
  }

  /** Ends it at once, whatever runs on it; resolves when nothing of it is left. */
  end(): Promise<void> {
    if (this.#state === 'stopped') return Promise.resolve();
    this.#end ??= this.#endOnce();
    return this.#end;
  }

  async #endOnce(): Promise<void> {
    // Out of the queue first: a place that came now would start it.
    if (this.#state === 'waiting') this.#options.places.leave(this);
    this.#setState('ending');
    this.#leavePool();
    this.#lifetime.abort();
    clearTimeout(this.#idleTimer);
    this.#watch?.stop();
    await Promise.allSettled([this.#session?.close(), this.#opening]);
    this.#stopped();
  }

  async #open(): Promise<void> {
    const startedAt = Date.now();
    let session: S;
    try {
      session = await this.#options.open(this.#lifetime.signal);
    } catch (error) {
      if (this.#state !== 'starting') return;
      this.#failure = toOpenFailure(this.server, error, this.#options.redact, this.#options.onFault);
      this.#options.onFailure(this.#failure, 0);
      this.#leavePool();
      this.#stopped();
      return;
    }
    if (this.#state !== 'starting') {
      await session.close();
      return;
    }
    this.#session = session;
    this.#lastUsedAt = Math.max(this.#lastUsedAt, startedAt);
    this.#setState('ready');
    const openedAt = performance.now();
    void session.closed.then((end) => this.#lost(end, performance.now() - openedAt));
    this.#watchWhileIdle(session);
    this.#endWhenIdle(this.#options.idleTimeoutMs);
    if (this.#calls > 0) return;
    if (this.#isGone) void this.end();
    else this.#options.places.noteIdle(this);
  }

  /**
   * Those of a child process are not asked: its death is seen at once, and asking a thousand of them would wake a
   * thousand processes that may well be swapped out. A remote one that refuses its owner's credentials tells the next
   * call, and is not asked with them again.
   */
  #watchWhileIdle(session: S): void {
    if (session.transportType === 'stdio') return;
    const watch = new IdleWatch({
      session,
      times: this.#options.pingTimes ?? DEFAULT_PING_TIMES,
      onVerdict: ({ kind }) => {
        if (kind === 'refused') watch.stop();
        if (kind !== 'dead' || this.#state !== 'ready') return;
        this.#isLost = true;
        this.retire();
      },
    });
    this.#watch = watch;
  }

  #lost(end: SessionEnd, upForMs: number): void {
    if (this.#state !== 'ready') return;
    if (end.isForgotten) {
      this.expire();
      return;
    }
    this.#isLost = true;
    this.#options.onFailure(toLoss(this.server, end), upForMs);
    this.retire();
  }

  #endWhenIdle(inMs: number): void {
    this.#idleTimer = setTimeout(() => {
      const leftMs = this.#lastUsedAt + this.#options.idleTimeoutMs - Date.now();
      if (this.isIdle && leftMs <= 0) void this.end();
      else if (this.#state === 'ready') this.#endWhenIdle(leftMs > 0 ? leftMs : this.#options.idleTimeoutMs);
    }, inMs);
    this.#idleTimer.unref();
  }

  #leavePool(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#options.onGone();
  }

  #stopped(): void {
    this.#setState('stopped');
    this.#options.places.leave(this);
  }

  #setState(state: OwnedSessionState): void {
    this.#state = state;
    this.#waiters.wake();
    this.#options.onStateChange(state);
  }

  #unavailable(): ServerUnavailableError {
    if (this.#state === 'waiting') return this.#options.places.unavailable(this);
    return toNotOpen(this.server, this.#state === 'starting');
  }
}
