export interface TurnLimits {
  /** Places in all. */
  readonly maxRunning: number;
  /** Places that one holder may have at once; `undefined`: `shareOfOne`. */
  readonly maxRunningOfOne?: number | undefined;
  /** Who may wait, in all; of one holder `shareOfOne` may. */
  readonly maxWaiting: number;
}

/** Why a request may not wait: the queue is full, or the holder's part of it is. */
export type QueueFull = 'full' | 'full-of-one';

/** Why a holder did not get a place: it may not wait, or it left before its turn. */
export type NoTurn = QueueFull | 'left';

/** What stays free for everyone else when one holder has taken all that it may: a quarter, and one at least. */
export function shareOfOne(all: number): number {
  return Math.max(1, all - Math.max(1, Math.floor(all / 4)));
}

interface Holder {
  running: number;
  readonly waiting: Set<() => void>;
}

/**
 * A bounded number of places. No holder takes all of them, and waiting holders are served in turn: one of each after the
 * other, and of one holder in the order of coming. So neither many running calls of one holder nor many waiting ones
 * keep another from its turn.
 */
export class FairTurns {
  /** A holder has or waits for a place. */
  readonly #holders = new Map<string, Holder>();
  /** Those of them who wait for one; the next in turn first. */
  readonly #turns = new Map<string, Holder>();
  #maxRunning = 0;
  #maxRunningOfOne = 0;
  #maxWaiting = 0;
  #running = 0;
  #waiting = 0;

  constructor(limits: TurnLimits) {
    this.resize(limits);
  }

  /** How many places are taken. */
  get running(): number {
    return this.#running;
  }

  /** How many wait for a place. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Other limits hold from here on; places that are taken stay so. */
  resize({ maxRunning, maxRunningOfOne, maxWaiting }: TurnLimits): void {
    this.#maxRunning = maxRunning;
    this.#maxRunningOfOne = maxRunningOfOne ?? shareOfOne(maxRunning);
    this.#maxWaiting = maxWaiting;
    this.#handOut();
  }

  /**
   * Runs `work` when it is this holder's turn. Throws what `refuse` returns when there is no place and no room to wait, or
   * when `signal` aborts before the turn: `work` does not run then.
   */
  async run<Result>(
    name: string,
    signal: AbortSignal,
    work: () => Promise<Result>,
    refuse: (why: NoTurn) => Error,
  ): Promise<Result> {
    if (signal.aborted) throw refuse('left');
    if (!this.tryTake(name)) {
      const turn = await this.wait(name, signal);
      if (turn !== true) throw refuse(turn || 'left');
    }
    try {
      // The holder may have left between the turn being granted and this line.
      if (signal.aborted) throw refuse('left');
      return await work();
    } finally {
      this.release(name);
    }
  }

  /** Takes a place that is free for this holder; returns whether there was one. */
  tryTake(name: string): boolean {
    if (this.#running >= this.#maxRunning) return false;
    const holder = this.#holders.get(name);
    if (holder === undefined) this.#holders.set(name, { running: 1, waiting: new Set() });
    else if (holder.running < this.#maxRunningOfOne) holder.running += 1;
    else return false;
    this.#running += 1;
    return true;
  }

  /**
   * Waits for a place. Resolves to whether it was handed over: `false` when `signal` aborted before. Returns a reason
   * in place of a promise where too many wait already.
   */
  wait(name: string, signal: AbortSignal): Promise<boolean> | QueueFull {
    const holder = this.#holders.get(name) ?? { running: 0, waiting: new Set() };
    if (holder.waiting.size >= shareOfOne(this.#maxWaiting)) return 'full-of-one';
    if (this.#waiting >= this.#maxWaiting) return 'full';
    return new Promise((resolve) => {
      const go = () => {
        signal.removeEventListener('abort', leave);
        resolve(true);
      };
      const leave = () => {
        this.#leaveQueue(name, holder, go);
        this.#forget(name, holder);
        resolve(false);
      };
      this.#holders.set(name, holder);
      this.#turns.set(name, holder);
      holder.waiting.add(go);
      this.#waiting += 1;
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Releases a place, which goes to the next in turn. */
  release(name: string): void {
    const holder = this.#holders.get(name);
    if (holder === undefined) return;
    holder.running -= 1;
    this.#running -= 1;
    if (this.#waiting > 0) this.#handOut();
    this.#forget(name, holder);
  }

  #handOut(): void {
    while (this.#running < this.#maxRunning) {
      const next = this.#nextInTurn();
      if (next === undefined) return;
      const [name, holder] = next;
      const [go] = holder.waiting;
      if (go === undefined) return;
      this.#leaveQueue(name, holder, go);
      // To the end of the row, where its next one waits.
      if (this.#turns.delete(name)) this.#turns.set(name, holder);
      holder.running += 1;
      this.#running += 1;
      go();
    }
  }

  /** Passes over those who have all that one may have; there are few of them, since they hold most of the places. */
  #nextInTurn(): readonly [string, Holder] | undefined {
    for (const turn of this.#turns) {
      if (turn[1].running < this.#maxRunningOfOne) return turn;
    }
    return undefined;
  }

  #leaveQueue(name: string, holder: Holder, go: () => void): void {
    if (!holder.waiting.delete(go)) return;
    this.#waiting -= 1;
    if (holder.waiting.size === 0) this.#turns.delete(name);
  }

  #forget(name: string, holder: Holder): void {
    if (holder.running === 0 && holder.waiting.size === 0) this.#holders.delete(name);
  }
}
