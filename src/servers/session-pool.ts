import { CallCancelledError, ServerUnavailableError, type ServiceError } from '../errors.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { FailureMemory } from './failure-memory.ts';
import type { PingTimes } from './idle-watch.ts';
import { OwnedSession, type OwnedSessionState, type PooledSession } from './owned-session.ts';
import { type PoolKey, type SessionOwner, toUserKey } from './pool-key.ts';
import type { SessionPlaces } from './session-places.ts';

export interface SessionPoolOptions {
  readonly server: string;
  readonly maxSessions: number;
  readonly idleTimeoutMs: number;
  /** How long a caller waits for a place and an open session, in milliseconds. */
  readonly waitMs: number;
  /** Shared by the pools of all servers. */
  readonly places: SessionPlaces;
  /** Told of every failure that is no `ServiceError`: a fault of ours. */
  readonly onFault: (error: unknown) => void;
  /** Called after every change of which sessions there are. */
  readonly onChange: () => void;
  readonly pingTimes?: PingTimes | undefined;
}

/** Which session a call needs. Requests of equal keys share one. */
export interface SessionRequest<S, Caller> {
  readonly key: PoolKey;
  /** Issuer and subject, and whatever else parts the user's sessions. */
  readonly owner: SessionOwner;
  readonly caller: Caller;
  /** Opens the session; `latest` tells at any time who called last. */
  readonly open: (signal: AbortSignal, latest: () => Caller, redact: Redact) => Promise<S>;
  /** Makes what takes secrets, the user's own too, out of what the server says; called once a session. */
  readonly createRedact: () => Redact;
}

/** A session that does not end for want of use until it is released. */
export interface SessionLease<S> {
  /**
   * Returns the open session, opening another one where it was lost before the call was sent.
   * Throws the errors of `acquire`.
   */
  open(signal: AbortSignal): Promise<S>;
  /** Tells that the server has forgotten the session: the next `open` gives a new one, the same to all callers. */
  replace(expired: S): void;
  /** Takes secrets, the user's own too, out of what the server says. */
  readonly redact: Redact;
  /** Idempotent. */
  release(): void;
}

/** Stands for a call from before its owner's values are read, so that it notices when they change meanwhile. */
export interface Intent {
  /** The owner's sessions were ended since: what was read may be out of date. */
  readonly isStale: boolean;
  end(): void;
}

/** A session as it is told to admins. Times are milliseconds since the epoch. */
export interface SessionFacts {
  readonly owner: SessionOwner;
  readonly state: OwnedSessionState;
  readonly calls: number;
  readonly lastUsedAt: number;
}

interface Entry<S extends PooledSession, Caller> {
  readonly session: OwnedSession<S>;
  caller: Caller;
}

/** One server's sessions of users: one for each key, which holds the server, the owner and the settings. */
export class SessionPool<S extends PooledSession, Caller> {
  readonly #options: SessionPoolOptions;
  readonly #entries = new Map<PoolKey, Entry<S, Caller>>();
  /** The newest session of each owner: older ones end after their last call. */
  readonly #newest = new Map<string, OwnedSession<S>>();
  /** Every session of which something is left, those out of the map included. */
  readonly #all = new Set<OwnedSession<S>>();
  readonly #intents = new Set<{ readonly owner: SessionOwner; isStale: boolean }>();
  readonly #failures = new FailureMemory();
  #isClosed = false;

  constructor(options: SessionPoolOptions) {
    this.#options = options;
  }

  /** Begins a call of this owner; the lease ends it, or whoever gets none. */
  begin(owner: SessionOwner): Intent {
    const intent = { owner, isStale: false, end: () => void this.#intents.delete(intent) };
    this.#intents.add(intent);
    return intent;
  }

  /**
   * Leases the key's session, opening it when there is none, and waits for it.
   * Throws the error that kept it from opening, `ServerUnavailableError` without a place or in the delay after a
   * failure, and `CallCancelledError`.
   */
  async acquire(request: SessionRequest<S, Caller>, intent: Intent, signal: AbortSignal): Promise<SessionLease<S>> {
    if (signal.aborted) throw new CallCancelledError('The caller left before the session was opened.');
    let session = this.#hold(request);
    let isReleased = false;
    const lease: SessionLease<S> = {
      open: async (callSignal) => {
        const open = session.session;
        if (open !== undefined) return open;
        // With an owner's old values no session is opened.
        if (!session.isOnItsWay && !isReleased && !intent.isStale) {
          const next = this.#hold(request);
          session.release();
          session = next;
        }
        return session.whenOpen(this.#options.waitMs, callSignal);
      },
      get redact() {
        return session.redact;
      },
      replace: (expired) => {
        if (session.session === expired) session.expire();
      },
      release: () => {
        if (!isReleased) session.release();
        isReleased = true;
        intent.end();
      },
    };
    try {
      await session.whenOpen(this.#options.waitMs, signal);
      return lease;
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  /**
   * Ends an owner's sessions at once, those of every chat if `owner` is just issuer and subject, and nobody else's;
   * resolves when nothing of them is left.
   */
  async endOwned(owner: SessionOwner): Promise<void> {
    await this.#end((other) => owner.every((part, index) => other[index] === part));
  }

  /** Ends every session at once; the next call opens a new one. */
  async endAll(): Promise<void> {
    await this.#end(() => true);
  }

  /** Ends every session and opens none any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.endAll();
  }

  /** Every session of which something is left. */
  list(): readonly SessionFacts[] {
    return [...this.#all].map(({ owner, state, calls, lastUsedAt }) => ({ owner, state, calls, lastUsedAt }));
  }

  async #end(isOne: (owner: SessionOwner) => boolean): Promise<void> {
    this.#failures.forget(isOne);
    for (const intent of this.#intents) if (isOne(intent.owner)) intent.isStale = true;
    await Promise.all([...this.#all].filter(({ owner }) => isOne(owner)).map((session) => session.end()));
  }

  #hold(request: SessionRequest<S, Caller>): OwnedSession<S> {
    const entry = this.#entries.get(request.key) ?? this.#add(request);
    entry.caller = request.caller;
    entry.session.hold();
    return entry.session;
  }

  #add(request: SessionRequest<S, Caller>): Entry<S, Caller> {
    const { key, owner } = request;
    if (this.#isClosed) throw new ServerUnavailableError(`Server "${this.#options.server}" is stopped.`, 1);
    this.#failures.check(key);
    const { server, maxSessions, idleTimeoutMs, places, onFault, pingTimes } = this.#options;
    const redact = request.createRedact();
    const session: OwnedSession<S> = new OwnedSession<S>({
      server,
      maxSessionsOfServer: maxSessions,
      key,
      owner,
      user: toUserKey(owner.slice(0, 2)),
      idleTimeoutMs,
      places,
      open: (signal) => request.open(signal, () => entry.caller, redact),
      redact,
      onFault,
      pingTimes,
      onFailure: (error: ServiceError, upForMs) => this.#failures.note(key, owner, error, upForMs),
      onGone: () => this.#forget(session),
      onStateChange: (state) => {
        if (state === 'stopped') this.#all.delete(session);
        this.#options.onChange();
      },
    });
    const entry: Entry<S, Caller> = { session, caller: request.caller };
    const ownerKey = toUserKey(owner);
    const older = this.#newest.get(ownerKey);
    this.#entries.set(key, entry);
    this.#newest.set(ownerKey, session);
    this.#all.add(session);
    older?.retire();
    try {
      places.enter(session);
    } catch (error) {
      void session.end();
      throw error;
    }
    return entry;
  }

  #forget(session: OwnedSession<S>): void {
    if (this.#entries.get(session.key)?.session === session) this.#entries.delete(session.key);
    const ownerKey = toUserKey(session.owner);
    if (this.#newest.get(ownerKey) === session) this.#newest.delete(ownerKey);
  }
}
