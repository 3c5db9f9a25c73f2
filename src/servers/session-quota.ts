import type { ServerConfig } from '../config/server-config.ts';
import { ServerUnavailableError } from '../errors.ts';
import type { StartBudget, StartingSession } from './start-budget.ts';

/** Caps on the sessions of users, over all servers. */
export interface SessionLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerUser: number;
  /** Of one server that says nothing and starts a process for each session; `undefined`: as many as of all. */
  readonly maxProcesses?: number | undefined;
}

/** What counts against the quota: a session from before it starts until nothing of it is left. */
export interface QuotaHolder extends StartingSession {
  readonly server: Pick<ServerConfig, 'name' | 'maxSessions'>;
  /** It starts a process, which needs memory and a processor. */
  readonly isProcess: boolean;
  /** It is open and not in use. */
  readonly isIdle: boolean;
  /** Milliseconds since the epoch. */
  readonly lastUsedAt: number;
  /** Called once, when it may start. */
  admit(): void;
  /** Called on an idle one that is evicted; it leaves when nothing of it is left. */
  end(): Promise<void>;
}

/** At least so many may wait, however low the caps are: a burst of calls is not yet too much. */
const MIN_QUEUE = 128;
const MIN_QUEUE_OF_USER = 16;
const RETRY_AFTER_SECONDS = 5;

/** How often memory is read while a session waits for it. */
const MEMORY_POLL_MS = 500;
/** How often idle processes are looked at where memory is short, and how long they have been idle at least. */
const WATCH_MS = 5_000;
const MIN_IDLE_MS = 10_000;

type Cap = 'user' | 'server' | 'all' | 'starts' | 'memory';

/**
 * Limits the sessions of users, over all servers. Where a cap is reached, the least recently used idle session is
 * evicted; where none is idle, new sessions wait in a bounded queue. Sessions that are processes also wait until enough
 * of those before them have started, and for memory. A session that is in use is never ended.
 */
export class SessionQuota {
  readonly #limits: SessionLimits;
  readonly #budget: StartBudget | undefined;
  readonly #onShort: (server: string) => void;
  readonly #admitted = new Set<QuotaHolder>();
  /** Those that wait, in order, each with the idle session that is being evicted for it, if any. */
  readonly #queue = new Map<QuotaHolder, QuotaHolder | undefined>();
  readonly #ofServer = new Map<string, number>();
  readonly #ofUser = new Map<string, number>();
  #poll: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;

  /** `onShort` is called when a session of a server has to wait for memory. */
  constructor(limits: SessionLimits, budget?: StartBudget, onShort: (server: string) => void = () => undefined) {
    this.#limits = limits;
    this.#budget = budget;
    this.#onShort = onShort;
    if (budget !== undefined) budget.onFree = () => this.#next();
  }

  /** How many sessions are admitted, those that start or end included. */
  get size(): number {
    return this.#admitted.size;
  }

  /** Admits a session, now or when the caps allow it. Throws `ServerUnavailableError` when too many wait. */
  enter(holder: QuotaHolder): void {
    if (this.#reachedCap(holder) === undefined) {
      this.#admit(holder);
      return;
    }
    const { maxSessions, maxSessionsPerUser } = this.#limits;
    const waiting = [...this.#queue.keys()].filter(({ user }) => user === holder.user).length;
    const isQueueFull = this.#queue.size >= Math.max(MIN_QUEUE, maxSessions);
    if (isQueueFull || waiting >= Math.max(MIN_QUEUE_OF_USER, maxSessionsPerUser)) throw this.unavailable(holder);
    this.#queue.set(holder, undefined);
    this.#evictFor(holder, this.#idle());
  }

  /** Takes a session out of the count, or out of the queue. */
  leave(holder: QuotaHolder): void {
    if (this.#queue.delete(holder) || !this.#admitted.delete(holder)) return;
    add(this.#ofServer, holder.server.name, -1);
    add(this.#ofUser, holder.user, -1);
    this.#budget?.end(holder);
    this.#next(holder);
  }

  /** A session that was admitted is open. */
  noteOpen(holder: QuotaHolder): void {
    this.#budget?.end(holder);
  }

  /** A session has become idle: it is evicted if another one waits for it. */
  noteIdle(holder: QuotaHolder): void {
    for (const [waiting, ending] of this.#queue) {
      if (ending !== undefined || !this.#wouldAdmit(holder, waiting)) continue;
      this.#queue.set(waiting, holder);
      void holder.end();
      return;
    }
  }

  /** The error that names the cap for which a session waits. */
  unavailable(holder: QuotaHolder): ServerUnavailableError {
    const { maxSessions, maxSessionsPerUser } = this.#limits;
    const busy = (what: string) => `All ${what} may have at once are busy.`;
    const reasons: Readonly<Record<Cap, string>> = {
      user: busy(`${maxSessionsPerUser} sessions that a user`),
      server: busy(`${this.maxOf(holder)} sessions that server "${holder.server.name}"`),
      all: busy(`${maxSessions} sessions that the service`),
      starts: `Too many sessions are being started for yours with server "${holder.server.name}" to begin.`,
      memory: `There is not enough memory for another session of server "${holder.server.name}".`,
    };
    const reason = reasons[this.#reachedCap(holder) ?? 'server'];
    return new ServerUnavailableError(`${reason} Try again later.`, RETRY_AFTER_SECONDS);
  }

  /** Ends what it has begun to watch. */
  stop(): void {
    clearTimeout(this.#poll);
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  #reachedCap(holder: QuotaHolder): Cap | undefined {
    const { server, user, isProcess } = holder;
    if ((this.#ofUser.get(user) ?? 0) >= this.#limits.maxSessionsPerUser) return 'user';
    if ((this.#ofServer.get(server.name) ?? 0) >= this.maxOf(holder)) return 'server';
    if (this.#admitted.size >= this.#limits.maxSessions) return 'all';
    return isProcess ? this.#budget?.reached(holder, this.#processes()) : undefined;
  }

  /** How many sessions of a server's users there may be at once, as configured or by default. */
  maxOf({ server, isProcess }: Pick<QuotaHolder, 'server' | 'isProcess'>): number {
    const { maxSessions, maxProcesses = maxSessions } = this.#limits;
    return server.maxSessions ?? (isProcess ? Math.min(maxProcesses, maxSessions) : maxSessions);
  }

  *#processes(): Generator<QuotaHolder> {
    for (const holder of this.#admitted) if (holder.isProcess) yield holder;
  }

  /** Admits those that wait, in order, as far as the caps allow; `left` is gone. */
  #next(left?: QuotaHolder): void {
    if (this.#queue.size === 0) return;
    const idle = this.#idle();
    for (const [waiting, ending] of [...this.#queue]) {
      if (this.#reachedCap(waiting) === undefined) {
        this.#queue.delete(waiting);
        this.#admit(waiting);
      } else if (ending === undefined || ending === left) {
        this.#evictFor(waiting, idle);
      }
    }
  }

  #idle(): readonly QuotaHolder[] {
    return [...this.#admitted].filter(({ isIdle }) => isIdle).sort((a, b) => a.lastUsedAt - b.lastUsedAt);
  }

  /** Evicts the least recently used of the idle sessions whose end would admit the waiting one; they are in that order. */
  #evictFor(waiting: QuotaHolder, idle: readonly QuotaHolder[]): void {
    const oldest = idle.find((holder) => holder.isIdle && this.#wouldAdmit(holder, waiting));
    this.#queue.set(waiting, oldest);
    void oldest?.end();
    if (this.#reachedCap(waiting) !== 'memory') return;
    this.#onShort(waiting.server.name);
    // Others on this machine give memory back without a word.
    this.#poll ??= setTimeout(() => {
      this.#poll = undefined;
      this.#next();
    }, MEMORY_POLL_MS).unref();
  }

  #wouldAdmit(holder: QuotaHolder, waiting: QuotaHolder): boolean {
    switch (this.#reachedCap(waiting)) {
      case 'user':
        return holder.user === waiting.user;
      case 'server':
        return holder.server.name === waiting.server.name;
      case 'all':
        return true;
      case 'memory':
        return holder.isProcess;
      case 'starts':
      case undefined:
        return false;
    }
  }

  #admit(holder: QuotaHolder): void {
    this.#admitted.add(holder);
    add(this.#ofServer, holder.server.name, 1);
    add(this.#ofUser, holder.user, 1);
    if (holder.isProcess && this.#budget !== undefined) {
      this.#budget.begin(holder);
      this.#watch ??= setInterval(() => this.#endIdleEarlier(), WATCH_MS).unref();
    }
    holder.admit();
  }

  /** Where memory is short, idle processes end before their time, the least recently used first. */
  #endIdleEarlier(): void {
    let missing = this.#budget?.missingBytes() ?? 0;
    const before = Date.now() - MIN_IDLE_MS;
    for (const holder of missing > 0 ? this.#idle() : []) {
      if (missing <= 0) return;
      if (!holder.isProcess || holder.lastUsedAt > before) continue;
      missing -= this.#budget?.estimate(holder.server.name) ?? 0;
      void holder.end();
    }
  }
}

function add(counts: Map<string, number>, name: string, by: number): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
