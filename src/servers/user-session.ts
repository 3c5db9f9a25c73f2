import { toUserKey } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { CallCancelledError, type ServerUnavailableError, type ServiceError } from '../errors.ts';
import type { Session, SessionEnd } from '../mcp/session.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redact } from '../telemetry/redactor.ts';
import type { FailureMemory } from './failure-memory.ts';
import { IdleWatch, type PingTimes, type PingVerdict } from './idle-watch.ts';
import type { SessionCatalogue } from './session-catalogue.ts';
import type { SessionKey, UserAndChat } from './session-key.ts';
import type { QuotaHolder, SessionQuota } from './session-quota.ts';
import { toLostError, toNotOpenError, toOpenError } from './user-session-errors.ts';
import type { UserCaller } from './user-values.ts';
import { Waiters } from './waiters.ts';

/** Callers of one session that wait for it; a user has no use for more. */
const MAX_CALLERS_WAITING = 128;

export type UserSessionState = 'waiting' | 'starting' | 'ready' | 'ending' | 'stopped';

export interface UserSessionOptions {
  readonly config: Pick<ServerConfig, 'name' | 'maxSessions' | 'idleTimeoutMs' | 'transport'>;
  readonly quota: SessionQuota;
  /** Opens it and sets its list of tools. */
  readonly open: (session: UserSession, signal: AbortSignal) => Promise<Session>;
  readonly pingTimes?: PingTimes | undefined;
  readonly logger: Pick<Logger, 'error'>;
  readonly failures: FailureMemory;
  /** Nothing is left of it. */
  readonly onStopped: (session: UserSession) => void;
}

/**
 * A user's session: opened for the first call, ended when it is no longer used, never restarted by itself.
 *
 *   waiting ──admitted──▶ starting ──opened──▶ ready
 *      │                    │   │                │
 *      │                    │   │ended           │idle, evicted, ended; lost or superseded: after the last call
 *      │                    │   ▼                ▼
 *      │ended, or no caller │   ending ◀─────────┘
 *      │waits any more      │     │nothing is left of it
 *      │                    ▼     ▼
 *      └─────▶ ending ────▶ stopped ◀── (from starting: not opened)
 */
export class UserSession implements QuotaHolder {
  readonly user: string;
  readonly server: UserSessionOptions['config'];
  /** This and the next three are set by this class alone. */
  state: UserSessionState = 'waiting';
  /** Calls that use it or wait for it. */
  calls = 0;
  /** Milliseconds since the epoch. */
  lastUsedAt = Date.now();
  /** No new call is to use it. */
  isGone = false;
  /** Its own list of tools, by which its calls are judged. */
  tools: SessionCatalogue | undefined;
  readonly #options: UserSessionOptions;
  readonly #waiters = new Waiters();
  readonly #lifetime = new AbortController();
  #session: Session | undefined;
  #failure: ServiceError | undefined;
  #isLost = false;
  #idleTimer: NodeJS.Timeout | undefined;
  #watch: IdleWatch | undefined;
  #opening: Promise<void> = Promise.resolve();
  #end: Promise<void> | undefined;

  /**
   * `redact` takes secrets, the user's own too, out of what the server says; `caller` is the latest one: headers that
   * are made for each exchange are made for them.
   */
  constructor(
    readonly key: SessionKey,
    readonly owner: UserAndChat,
    readonly redact: Redact,
    public caller: UserCaller,
    options: UserSessionOptions,
  ) {
    this.#options = options;
    this.server = options.config;
    this.user = toUserKey(owner);
  }

  get isProcess(): boolean {
    return this.server.transport.type === 'stdio';
  }

  get isIdle(): boolean {
    return this.state === 'ready' && this.calls === 0;
  }

  /** It will be open, or fail to. */
  get isOpening(): boolean {
    return this.state === 'waiting' || this.state === 'starting';
  }

  /** The session while calls can be sent on it. */
  get session(): Session | undefined {
    return this.state === 'ready' && !this.#isLost ? this.#session : undefined;
  }

  get pid(): number | undefined {
    return this.#session?.pid;
  }

  /** Keeps it from ending while it is idle; each is followed by one `release`. */
  hold(): void {
    this.calls += 1;
  }

  release(): void {
    this.calls -= 1;
    this.lastUsedAt = Date.now();
    if (this.calls > 0) return;
    if (this.isGone || this.state === 'waiting') void this.end();
    else if (this.isIdle) this.#options.quota.noteIdle(this);
  }

  /**
   * Returns the open session, waiting up to `waitMs` for it.
   * Throws the error that kept it from opening, `ServerUnavailableError` when it is not open in time or was ended,
   * `CallCancelledError` when `signal` aborts first.
   */
  async whenOpen(waitMs: number, signal: AbortSignal): Promise<Session> {
    if (this.isOpening && this.#waiters.size >= MAX_CALLERS_WAITING) throw this.#unavailable();
    await this.#waiters.until(() => !this.isOpening, waitMs, signal);
    const { session } = this;
    if (session !== undefined) return session;
    if (this.isOpening && signal.aborted) throw new CallCancelledError('The caller left before the server was ready.');
    throw this.#failure ?? this.#unavailable();
  }

  /** It is within the quota. */
  admit(): void {
    this.#setState('starting');
    this.#opening = this.#open();
  }

  /** Lets no new call use it and ends it after the last one. */
  retire(): void {
    this.isGone = true;
    if (this.calls === 0) void this.end();
  }

  /** Ends it at once, whatever runs on it; resolves when nothing of it is left. */
  end(): Promise<void> {
    if (this.state === 'stopped') return Promise.resolve();
    this.#end ??= this.#endOnce();
    return this.#end;
  }

  async #endOnce(): Promise<void> {
    // Out of the queue first: being admitted now would start it.
    if (this.state === 'waiting') this.#options.quota.leave(this);
    this.#setState('ending');
    this.isGone = true;
    this.#lifetime.abort();
    clearTimeout(this.#idleTimer);
    this.#watch?.stop();
    await Promise.allSettled([this.#session?.close(), this.#opening]);
    this.#setStopped();
  }

  async #open(): Promise<void> {
    const startedAt = Date.now();
    let session: Session;
    try {
      session = await this.#options.open(this, this.#lifetime.signal);
    } catch (error) {
      if (this.state !== 'starting') return;
      this.#failure = toOpenError(error, {
        server: this.server.name,
        redact: this.redact,
        logger: this.#options.logger,
      });
      this.#noteFailure(this.#failure, 0);
      this.isGone = true;
      this.#setStopped();
      return;
    }
    if (this.state !== 'starting') {
      await session.close();
      return;
    }
    this.#session = session;
    this.lastUsedAt = Math.max(this.lastUsedAt, startedAt);
    this.#setState('ready');
    this.#options.quota.noteOpen(this);
    const openedAt = performance.now();
    void session.closed.then((end) => this.#lose(end, performance.now() - openedAt));
    this.#watchWhileIdle(session);
    this.#endWhenIdle(this.server.idleTimeoutMs);
    if (this.calls > 0) return;
    if (this.isGone) void this.end();
    else this.#options.quota.noteIdle(this);
  }

  /**
   * Sessions of child processes are not pinged: their death is seen at once, and pinging a thousand of them would wake
   * a thousand processes that may be swapped out. A remote server that refuses its user's credentials is not asked
   * again with them: the next call reports it.
   */
  #watchWhileIdle(session: Session): void {
    if (session.transportType === 'stdio') return;
    const onVerdict = ({ kind }: PingVerdict) => {
      if (kind === 'refused') watch.stop();
      if (kind !== 'dead' || this.state !== 'ready') return;
      this.#isLost = true;
      this.retire();
    };
    const watch = new IdleWatch(session, onVerdict, this.#options.pingTimes);
    this.#watch = watch;
  }

  /** What a forgotten session still answers is waited for; being forgotten is not a failure. */
  #lose({ reason, detail, isForgotten }: SessionEnd, upForMs: number): void {
    if (this.state !== 'ready') return;
    this.#isLost = true;
    if (!isForgotten) {
      const error = toLostError(this.server.name, reason, detail);
      this.#noteFailure(error, upForMs);
    }
    this.retire();
  }

  #endWhenIdle(inMs: number): void {
    this.#idleTimer = setTimeout(() => {
      const leftMs = this.lastUsedAt + this.server.idleTimeoutMs - Date.now();
      if (this.isIdle && leftMs <= 0) void this.end();
      else if (this.state === 'ready') this.#endWhenIdle(leftMs > 0 ? leftMs : this.server.idleTimeoutMs);
    }, inMs);
    this.#idleTimer.unref();
  }

  #noteFailure(error: ServiceError, upForMs: number): void {
    this.#options.failures.note(this.key, this.owner, error, upForMs);
  }

  #setStopped(): void {
    this.#setState('stopped');
    this.#options.onStopped(this);
    this.#options.quota.leave(this);
  }

  #setState(state: UserSessionState): void {
    this.state = state;
    this.#waiters.wake();
  }

  #unavailable(): ServerUnavailableError {
    if (this.state === 'waiting') return this.#options.quota.unavailable(this);
    return toNotOpenError(this.server.name, this.state === 'starting');
  }
}
