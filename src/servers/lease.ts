import { ServerUnavailableError } from '../errors.ts';
import type { Session } from '../mcp/session.ts';
import type { Redact } from '../telemetry/redactor.ts';
import type { Catalogue } from './catalogue.ts';
import type { Caller } from './user-values.ts';
import { Waiters } from './waiters.ts';

/** How long a call waits for a session that is being opened before it is asked to come back. */
export const START_WAIT_MS = 8_000;

/** What a generation gives a call: its shared session, or a hold on the caller's own. */
export interface SessionHold {
  /** The session while it is open. */
  readonly session: Session | undefined;
  /** Returns the open session, waiting for one that is being opened. Throws `ServiceError`s. */
  whenOpen(signal: AbortSignal): Promise<Session>;
  /** The list of tools by which calls on the session are judged; `undefined` before it is read and after the end. */
  readonly catalogue: Catalogue | undefined;
  /** Takes configured secrets and the caller's own values out of a text. */
  readonly redact: Redact;
  /** What a caller may see of a failed call: no secrets, and for refused credentials the place where they are set. */
  toPublicError(error: unknown): Promise<unknown>;
  /** Notes that a call ran. */
  readonly noteUse?: (tool: string) => void;
  /** Follows every hold, in `finally`. Idempotent. */
  readonly release?: () => void;
}

/** What leases need of a generation. */
export interface LeasedGeneration {
  readonly leases: LeaseCount;
  readonly shared: SessionHold | undefined;
  /** Where each user has a session of their own. */
  readonly users: { acquire(caller: Caller, signal: AbortSignal): Promise<SessionHold> };
}

/** How many leases of a generation were not released. */
export class LeaseCount {
  /** When the last lease was acquired, in milliseconds since the epoch. */
  lastUsedAt: number | undefined;
  readonly #end = new Waiters();
  #count = 0;
  #isEndAwaited = false;

  add(): void {
    this.#count += 1;
    this.lastUsedAt = Date.now();
  }

  remove(): void {
    this.#count -= 1;
    if (this.#count === 0 && this.#isEndAwaited) this.#end.wake();
  }

  /** Resolves once there are none, after `waitMs`, or when `signal` aborts. */
  async whenNone(waitMs: number, signal: AbortSignal): Promise<void> {
    this.#isEndAwaited = true;
    await this.#end.until(() => this.#count === 0, waitMs, signal);
  }
}

/**
 * A call's lease of a session. A replaced generation is kept for the calls that lease from it; a call that still waits
 * for a session when it ends, and so was not sent, goes on with the generation that took its place.
 */
export class Lease {
  readonly #current: () => LeasedGeneration;
  readonly #caller: Caller;
  #held: Held;
  #isReleased = false;

  private constructor(current: () => LeasedGeneration, caller: Caller, held: Held) {
    this.#current = current;
    this.#caller = caller;
    this.#held = held;
  }

  /**
   * Leases a session of the generation that `current` returns for new calls: the shared one, which may still be
   * starting, or the caller's own, opened if there is none.
   * Throws what `current` throws, and the errors of `UserSessions.acquire`.
   */
  static async acquire(current: () => LeasedGeneration, caller: Caller, signal: AbortSignal): Promise<Lease> {
    return new Lease(current, caller, await acquireHold(current, caller, signal));
  }

  /** What is leased now; `open` may replace it. */
  get hold(): SessionHold {
    return this.#held.hold;
  }

  /** Returns the open session, as `SessionHold.whenOpen` does. */
  async open(signal: AbortSignal): Promise<Session> {
    for (;;) {
      try {
        return this.hold.session ?? (await this.hold.whenOpen(signal));
      } catch (error) {
        if (this.#isReleased || !isReplaced(this.#held.generation, this.#current, error)) throw error;
        const next = await acquireHold(this.#current, this.#caller, signal);
        this.#endHold();
        this.#held = next;
      }
    }
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#endHold();
  }

  #endHold(): void {
    this.#held.hold.release?.();
    this.#held.generation.leases.remove();
  }
}

interface Held {
  readonly generation: LeasedGeneration;
  readonly hold: SessionHold;
}

async function acquireHold(current: () => LeasedGeneration, caller: Caller, signal: AbortSignal): Promise<Held> {
  for (;;) {
    const generation = current();
    generation.leases.add();
    try {
      return { generation, hold: generation.shared ?? (await generation.users.acquire(caller, signal)) };
    } catch (error) {
      generation.leases.remove();
      if (!isReplaced(generation, current, error)) throw error;
    }
  }
}

/** The error means that there was no session, and another generation may have one. */
function isReplaced(generation: LeasedGeneration, current: () => LeasedGeneration, error: unknown): boolean {
  return error instanceof ServerUnavailableError && current() !== generation;
}
