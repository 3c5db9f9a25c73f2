import { ServerUnavailableError } from '../errors.ts';

/** Caps on the sessions of users, over all servers. */
export interface PoolLimits {
  readonly maxSessions: number;
  readonly maxSessionsPerUser: number;
}

/** What takes up a place: a session from before it starts until nothing of it is left. */
export interface Occupant {
  readonly server: string;
  readonly maxSessionsOfServer: number;
  /** Names the user over all servers. */
  readonly user: string;
  /** It is open and nobody uses it. */
  readonly isIdle: boolean;
  /** Milliseconds since the epoch. */
  readonly lastUsedAt: number;
  /** Told once, when it has its place. */
  begin(): void;
  /** Asked of an idle one: it is to end, and leaves when nothing of it is left. */
  makeRoom(): void;
}

/** So many may wait at least, however low the caps are: a burst of calls is not yet too much. */
const MIN_QUEUE = 128;
const MIN_QUEUE_OF_USER = 16;

type Cap = 'user' | 'server' | 'all';

/**
 * The places for sessions of users, shared by all servers. Where a cap is reached, the idle session that was used
 * least recently ends and its place is taken; where none is idle, whoever comes waits in a bounded queue.
 */
export class SessionPlaces {
  readonly #limits: PoolLimits;
  readonly #taken = new Set<Occupant>();
  /** Who waits, first come first; with the idle session that is ending for it, if any. */
  readonly #queue = new Map<Occupant, Occupant | undefined>();
  readonly #ofServer = new Map<string, number>();
  readonly #ofUser = new Map<string, number>();
  readonly #waitingOfUser = new Map<string, number>();

  constructor(limits: PoolLimits) {
    this.#limits = limits;
  }

  /** How many places are taken, those of sessions that start or end included. */
  get size(): number {
    return this.#taken.size;
  }

  /** Gives a place, now or when one is free. Throws `ServerUnavailableError` when too many wait. */
  enter(occupant: Occupant): void {
    if (this.#reachedCap(occupant) === undefined) {
      this.#take(occupant);
      return;
    }
    const { maxSessions, maxSessionsPerUser } = this.#limits;
    const waiting = this.#waitingOfUser.get(occupant.user) ?? 0;
    const isQueueFull = this.#queue.size >= Math.max(MIN_QUEUE, maxSessions);
    if (isQueueFull || waiting >= Math.max(MIN_QUEUE_OF_USER, maxSessionsPerUser)) throw this.unavailable(occupant);
    this.#queue.set(occupant, undefined);
    add(this.#waitingOfUser, occupant.user, 1);
    this.#askForRoom(occupant, this.#idle());
  }

  /** Frees a place, or leaves the queue. */
  leave(occupant: Occupant): void {
    if (this.#queue.has(occupant)) {
      this.#leaveQueue(occupant);
      return;
    }
    if (!this.#taken.delete(occupant)) return;
    add(this.#ofServer, occupant.server, -1);
    add(this.#ofUser, occupant.user, -1);
    if (this.#queue.size === 0) return;
    const idle = this.#idle();
    for (const [waiting, ending] of [...this.#queue]) {
      if (this.#reachedCap(waiting) === undefined) {
        this.#leaveQueue(waiting);
        this.#take(waiting);
      } else if (ending === undefined || ending === occupant) {
        this.#askForRoom(waiting, idle);
      }
    }
  }

  /** Tells that a session has become idle: it ends if somebody waits for its place. */
  noteIdle(occupant: Occupant): void {
    for (const [waiting, ending] of this.#queue) {
      if (ending !== undefined || !this.#givesRoom(occupant, waiting)) continue;
      this.#queue.set(waiting, occupant);
      occupant.makeRoom();
      return;
    }
  }

  /** The error that tells which cap keeps a session from its place. */
  unavailable(occupant: Occupant): ServerUnavailableError {
    return new ServerUnavailableError(`${this.#told(occupant)} Try again later.`, 5);
  }

  #told(occupant: Occupant): string {
    switch (this.#reachedCap(occupant)) {
      case 'user':
        return `All ${this.#limits.maxSessionsPerUser} sessions that a user may have at once are busy.`;
      case 'all':
        return `All ${this.#limits.maxSessions} sessions that the service may have at once are busy.`;
      default:
        return `All ${occupant.maxSessionsOfServer} sessions that server "${occupant.server}" may have at once are busy.`;
    }
  }

  #reachedCap({ server, maxSessionsOfServer, user }: Occupant): Cap | undefined {
    if ((this.#ofUser.get(user) ?? 0) >= this.#limits.maxSessionsPerUser) return 'user';
    if ((this.#ofServer.get(server) ?? 0) >= maxSessionsOfServer) return 'server';
    return this.#taken.size >= this.#limits.maxSessions ? 'all' : undefined;
  }

  #idle(): readonly Occupant[] {
    return [...this.#taken].filter(({ isIdle }) => isIdle).sort((a, b) => a.lastUsedAt - b.lastUsedAt);
  }

  /** Ends the least recently used of the idle ones whose place is of use; they are in that order. */
  #askForRoom(waiting: Occupant, idle: readonly Occupant[]): void {
    const oldest = idle.find((occupant) => occupant.isIdle && this.#givesRoom(occupant, waiting));
    this.#queue.set(waiting, oldest);
    oldest?.makeRoom();
  }

  #givesRoom(occupant: Occupant, waiting: Occupant): boolean {
    switch (this.#reachedCap(waiting)) {
      case 'user':
        return occupant.user === waiting.user;
      case 'server':
        return occupant.server === waiting.server;
      case 'all':
        return true;
      case undefined:
        return false;
    }
  }

  #leaveQueue(occupant: Occupant): void {
    this.#queue.delete(occupant);
    add(this.#waitingOfUser, occupant.user, -1);
  }

  #take(occupant: Occupant): void {
    this.#taken.add(occupant);
    add(this.#ofServer, occupant.server, 1);
    add(this.#ofUser, occupant.user, 1);
    occupant.begin();
  }
}

function add(counts: Map<string, number>, name: string, by: number): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
