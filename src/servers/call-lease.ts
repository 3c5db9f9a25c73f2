import { ServerUnavailableError } from '../errors.ts';
import type { Session } from '../mcp/session.ts';
import type { Catalogue } from './catalogue.ts';
import type { ServerLease } from './server-lease.ts';
import type { ServerSessions } from './server-sessions.ts';
import type { Caller } from './user-values.ts';

/** Gives the sessions that new calls run on; throws where there are none any more. */
export type CurrentSessions = () => ServerSessions;

/**
 * A call's lease. Sessions whose settings have changed are kept for the calls that are on them; a call that still waits
 * for a session when they end, and so was not sent, goes on with those that took their place.
 */
export class CallLease implements ServerLease {
  readonly #current: CurrentSessions;
  readonly #caller: Caller;
  #held: Held;
  #isReleased = false;

  private constructor(current: CurrentSessions, caller: Caller, held: Held) {
    this.#current = current;
    this.#caller = caller;
    this.#held = held;
  }

  /** Throws the errors of `RegisteredServer.acquire`. */
  static async acquire(current: CurrentSessions, caller: Caller, signal: AbortSignal): Promise<CallLease> {
    return new CallLease(current, caller, await hold(current, caller, signal));
  }

  async open(signal: AbortSignal): Promise<Session> {
    for (;;) {
      const { sessions, lease } = this.#held;
      try {
        return await lease.open(signal);
      } catch (error) {
        if (!isReplaced(sessions, this.#current, error) || this.#isReleased) throw error;
        const next = await hold(this.#current, this.#caller, signal);
        this.#letGo();
        this.#held = next;
      }
    }
  }

  catalogueOf(session: Session): Catalogue | undefined {
    return this.#held.lease.catalogueOf(session);
  }

  redact(text: string, maxCharacters?: number): string {
    return this.#held.lease.redact(text, maxCharacters);
  }

  replace(expired: Session): void {
    this.#held.lease.replace(expired);
  }

  noteUse(tool: string): void {
    this.#held.lease.noteUse(tool);
  }

  toTold(error: unknown): Promise<unknown> {
    return this.#held.lease.toTold(error);
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#letGo();
  }

  #letGo(): void {
    this.#held.lease.release();
    this.#held.sessions.calls.end();
  }
}

interface Held {
  readonly sessions: ServerSessions;
  readonly lease: ServerLease;
}

async function hold(current: CurrentSessions, caller: Caller, signal: AbortSignal): Promise<Held> {
  for (;;) {
    const sessions = current();
    sessions.calls.begin();
    try {
      return { sessions, lease: await sessions.acquire(caller, signal) };
    } catch (error) {
      sessions.calls.end();
      if (!isReplaced(sessions, current, error)) throw error;
    }
  }
}

/** The error means that there was no session, and there are others now that may have one. */
export function isReplaced(sessions: ServerSessions, current: CurrentSessions, error: unknown): boolean {
  return error instanceof ServerUnavailableError && current() !== sessions;
}
