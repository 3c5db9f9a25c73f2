import { setMaxListeners } from 'node:events';
import type { OpenSessionOptions, Session, SessionEnd, ToolList } from '../../../src/mcp/session.ts';
import type { PingTimes } from '../../../src/servers/idle-watch.ts';
import type { SessionHold } from '../../../src/servers/lease.ts';
import { type SessionLimits, SessionQuota } from '../../../src/servers/session-quota.ts';
import { UserSessions } from '../../../src/servers/user-sessions.ts';
import { NO_VALUES } from '../../../src/servers/user-values.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';
import { parseServers } from '../config/parse-servers.ts';
import { user } from './user-servers.ts';

export const never = new AbortController().signal;
setMaxListeners(0, never);

/** Counts as alive from before it opens until it has closed, as a process does. */
export class FakeSession implements Session {
  readonly serverInfo = { name: 'fake', version: '1' };
  readonly instructions = undefined;
  readonly pid = undefined;
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

  async listTools(): Promise<ToolList> {
    return { tools: [], rejected: [] };
  }

  async callTool(): Promise<never> {
    throw new Error('It has no tools.');
  }

  onToolsChanged(): void {}

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

  async open({ settings, signal }: OpenSessionOptions): Promise<FakeSession> {
    if (settings.type === 'stdio') throw new Error('These are remote.');
    const session = new FakeSession(`${settings.volatileHeaders?.().user} ${settings.headers.token}`, this);
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

type FakeHold = Required<Omit<SessionHold, 'whenOpen'>> & {
  whenOpen(signal: AbortSignal): Promise<FakeSession>;
};

export interface FakePool {
  readonly pool: UserSessions;
  readonly quota: SessionQuota;
  readonly factory: FakeFactory;
  readonly faults: unknown[];
  /** Acquires the session of an owner (issuer, subject, chat?) who has set `token`. */
  acquire(owner: readonly string[], token?: string, signal?: AbortSignal): Promise<FakeHold>;
}

export function fakePool(
  options: {
    readonly server?: string;
    readonly maxSessions?: number;
    readonly idleTimeoutMs?: number;
    readonly waitMs?: number;
    readonly limits?: SessionLimits;
    readonly quota?: SessionQuota;
    readonly factory?: FakeFactory;
    readonly pingTimes?: PingTimes;
  } = {},
): FakePool {
  const { server = 'jira', limits = { maxSessions: 1_000, maxSessionsPerUser: 20 } } = options;
  const quota = options.quota ?? new SessionQuota(limits);
  const factory = options.factory ?? new FakeFactory();
  const redactor = new Redactor();
  redactor.add(['canary']);
  const faults: unknown[] = [];
  const logger: Logger = {
    isDebug: () => false,
    debug() {},
    info() {},
    warn() {},
    error: (_, fields) => void faults.push(fields?.error),
  };
  // A token that is made for each call names the user, since it is no part of what names the session.
  const headers = { token: '${TOKEN}', chat: '${chat.id}', user: '${user.jwt}' };
  const entry = { type: 'sse', url: 'http://host/', headers, userVars: { TOKEN: { sensitive: false } } };
  const [config] = parseServers({ mcpServers: { [server]: entry } }).servers;
  if (config === undefined) throw new Error('There is no server.');
  const { maxSessions = 100, idleTimeoutMs = 60_000, waitMs = 5_000, pingTimes } = options;
  const pool = new UserSessions({
    config: { ...config, maxSessions, idleTimeoutMs },
    dependencies: { openSession: (opening) => factory.open(opening), logger, redactor },
    quota,
    catalogue: { begin: () => 1, offer: async () => undefined, current: undefined },
    onAnnouncedList: () => undefined,
    waitMs,
    pingTimes,
  });
  return {
    pool,
    quota,
    factory,
    faults,
    acquire: async ([issuer = '', subject = '', chatId], token = 'token', signal = never) => {
      const values = {
        ...NO_VALUES,
        variables: async () => new Map([['TOKEN', token]]),
        userJwt: () => [issuer, subject, ...(chatId === undefined ? [] : [chatId])].join('/'),
      };
      return (await pool.acquire({ principal: user(subject, { issuer, chatId }), values }, signal)) as FakeHold;
    },
  };
}

/** The owner that `acquire` takes as a list. */
export function toUserId([issuer = '', subject = '']: readonly string[]) {
  return { issuer, subject };
}

export async function thrownBy(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => new Error('It did not throw.'),
    (error: Error) => error,
  );
}
