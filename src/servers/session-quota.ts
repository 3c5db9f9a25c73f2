import type { ServerConfig } from '../config/server-config.ts';
import { ServerUnavailableError } from '../errors.ts';

/** Caps on the sessions of users, over all servers. */
export interface SessionLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerUser: number;
}

/** What counts against the quota: a session from before it starts until nothing of it is left. */
export interface QuotaHolder {
  readonly server: Pick<ServerConfig, 'name' | 'maxSessions'>;
  /** Names the user over all servers. */
  readonly user: string;
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

type Cap = 'user' | 'server' | 'all';

/**
 * Limits the sessions of users, over all servers. Where a cap is reached, the least recently used idle session is
 * evicted; where none is idle, new sessions wait in a bounded queue.
 */
export class SessionQuota {
  readonly #limits: SessionLimits;
  readonly #admitted = new Set<QuotaHolder>();
  /** Those that wait, in order, each with the idle session that is being evicted for it, if any. */
  readonly #queue = new Map<QuotaHolder, QuotaHolder | undefined>();
  readonly #ofServer = new Map<string, number>();
  readonly #ofUser = new Map<string, number>();

  constructor(limits: SessionLimits) {
    this.#limits = limits;
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
    if (this.#queue.size === 0) return;
    const idle = this.#idle();
    for (const [waiting, ending] of [...this.#queue]) {
      if (this.#reachedCap(waiting) === undefined) {
        this.#queue.delete(waiting);
        this.#admit(waiting);
      } else if (ending === undefined || ending === holder) {
        this.#evictFor(waiting, idle);
      }
    }
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
    const caps = {
      user: `${maxSessionsPerUser} sessions that a user`,
      server: `${holder.server.maxSessions} sessions that server "${holder.server.name}"`,
      all: `${maxSessions} sessions that the service`,
    };
    const cap = caps[this.#reachedCap(holder) ?? 'server'];
    return new ServerUnavailableError(`All ${cap} may have at once are busy. Try again later.`, 5);
  }

  #reachedCap({ server, user }: QuotaHolder): Cap | undefined {
    if ((this.#ofUser.get(user) ?? 0) >= this.#limits.maxSessionsPerUser) return 'user';
    if ((this.#ofServer.get(server.name) ?? 0) >= server.maxSessions) return 'server';
    return this.#admitted.size >= this.#limits.maxSessions ? 'all' : undefined;
  }

  #idle(): readonly QuotaHolder[] {
    return [...this.#admitted].filter(({ isIdle }) => isIdle).sort((a, b) => a.lastUsedAt - b.lastUsedAt);
  }

  /** Evicts the least recently used of the idle sessions whose end would admit the waiting one; they are in that order. */
  #evictFor(waiting: QuotaHolder, idle: readonly QuotaHolder[]): void {
    const oldest = idle.find((holder) => holder.isIdle && this.#wouldAdmit(holder, waiting));
    this.#queue.set(waiting, oldest);
    void oldest?.end();
  }

  #wouldAdmit(holder: QuotaHolder, waiting: QuotaHolder): boolean {
    switch (this.#reachedCap(waiting)) {
      case 'user':
        return holder.user === waiting.user;
      case 'server':
        return holder.server.name === waiting.server.name;
      case 'all':
        return true;
      case undefined:
        return false;
    }
  }

  #admit(holder: QuotaHolder): void {
    this.#admitted.add(holder);
    add(this.#ofServer, holder.server.name, 1);
    add(this.#ofUser, holder.user, 1);
    holder.admit();
  }
}

function add(counts: Map<string, number>, name: string, by: number): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
