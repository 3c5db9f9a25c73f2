import { setMaxListeners } from 'node:events';
import type { Session, SessionEnd } from '../../../src/mcp/session.ts';
import type { PingTimes } from '../../../src/servers/idle-watch.ts';
import { toPoolKey } from '../../../src/servers/pool-key.ts';
import { type PoolLimits, SessionPlaces } from '../../../src/servers/session-places.ts';
import { type Intent, type SessionLease, SessionPool, type SessionRequest } from '../../../src/servers/session-pool.ts';

export const never = new AbortController().signal;
setMaxListeners(0, never);

/** Counts as alive from before it opens until it has closed, as a process does. */
export class FakeSession {
  readonly closed: Promise<SessionEnd>;
  readonly who: string;
  readonly transportType: Session['transportType'];
  lastActivityAt = performance.now();
  isBusy = false;
  pings = 0;
  readonly #factory: FakeFactory;
  #end: (end: SessionEnd) => void = () => undefined;
  #closing: Promise<void> | undefined;

  constructor(who: string, factory: FakeFactory) {
    this.who = who;
    this.transportType = factory.transportType;
    this.#factory = factory;
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Ends by itself. */
  crash(reason: string): void {
    this.#end({ reason });
  }

  /** Its server forgets it. */
  forget(): void {
    this.#end({ reason: 'the server no longer knows the session', isForgotten: true });
  }

  async ping(): Promise<void> {
    this.pings += 1;
    if (this.#factory.pingFailure !== undefined) throw this.#factory.pingFailure;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  async #close(): Promise<void> {
    this.#end({ reason: 'it was closed' });
    await this.#factory.pause();
    this.#factory.alive.delete(this);
  }
}

/** Opens sessions that take a few turns of the event loop to open and to close. */
export class FakeFactory {
  readonly alive = new Set<FakeSession>();
  readonly opened: FakeSession[] = [];
  maxAlive = 0;
  /** What opening throws, while it is set. */
  failure: Error | undefined;
  /** What a ping throws, while it is set. */
  pingFailure: Error | undefined;
  transportType: Session['transportType'] = 'stdio';
  /** Holds openings back until it resolves. */
  gate: Promise<void> = Promise.resolve();

  async open(who: string, signal: AbortSignal): Promise<FakeSession> {
    const session = new FakeSession(who, this);
    this.alive.add(session);
    this.opened.push(session);
    this.maxAlive = Math.max(this.maxAlive, this.alive.size);
    await this.pause();
    await this.gate;
    if (this.failure !== undefined || signal.aborted) {
      this.alive.delete(session);
      throw this.failure ?? new Error('aborted');
    }
    return session;
  }

  async pause(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

export interface FakePool {
  readonly pool: SessionPool<FakeSession, string>;
  readonly places: SessionPlaces;
  readonly factory: FakeFactory;
  readonly faults: unknown[];
  /** Acquires the session of an owner (issuer, subject, chat?) whose settings hold `token`. */
  acquire(owner: readonly string[], token?: string, signal?: AbortSignal): Promise<SessionLease<FakeSession>>;
  begin(owner: readonly string[]): Intent;
}

export function fakePool(
  options: {
    readonly server?: string;
    readonly maxSessions?: number;
    readonly idleTimeoutMs?: number;
    readonly waitMs?: number;
    readonly limits?: PoolLimits;
    readonly places?: SessionPlaces;
    readonly factory?: FakeFactory;
    readonly pingTimes?: PingTimes;
  } = {},
): FakePool {
  const { server = 'jira', limits = { maxSessions: 1_000, maxSessionsPerUser: 20 } } = options;
  const places = options.places ?? new SessionPlaces(limits);
  const factory = options.factory ?? new FakeFactory();
  const faults: unknown[] = [];
  const pool = new SessionPool<FakeSession, string>({
    server,
    maxSessions: options.maxSessions ?? 100,
    idleTimeoutMs: options.idleTimeoutMs ?? 60_000,
    waitMs: options.waitMs ?? 5_000,
    places,
    onFault: (error) => void faults.push(error),
    onChange: () => undefined,
    pingTimes: options.pingTimes,
  });
  const request = (owner: readonly string[], token: string): SessionRequest<FakeSession, string> => ({
    key: toPoolKey(server, owner, { type: 'sse', url: 'http://host/', headers: { token } }),
    owner,
    caller: token,
    open: (signal) => factory.open(`${owner.join('/')} ${token}`, signal),
    createRedact: () => (text) => text.replaceAll('canary', '***'),
  });
  return {
    pool,
    places,
    factory,
    faults,
    begin: (owner) => pool.begin(owner),
    acquire: (owner, token = 'token', signal = never) => pool.acquire(request(owner, token), pool.begin(owner), signal),
  };
}

/** Waits until the condition holds; fails the test if it does not within two seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 2_000;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`Not within two seconds: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export async function thrownBy(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => new Error('It did not throw.'),
    (error: Error) => error,
  );
}
