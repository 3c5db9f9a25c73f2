import { ServerUnavailableError } from '../errors.ts';
import type { Session } from '../mcp/session.ts';
import type { Catalogue } from './catalogue.ts';
import type { Generation } from './generation.ts';
import type { SessionHold } from './session-hold.ts';
import type { Caller } from './user-values.ts';

/**
 * A call's lease of a session. A replaced generation is kept for the calls that hold it; a call that still waits for a
 * session when it ends, and so was not sent, goes on with the generation that took its place.
 */
export class Lease {
  readonly #current: () => Generation;
  readonly #caller: Caller;
  #generation: Generation;
  #hold: SessionHold;
  #isReleased = false;

  private constructor(current: () => Generation, caller: Caller, { generation, hold }: Held) {
    this.#current = current;
    this.#caller = caller;
    this.#generation = generation;
    this.#hold = hold;
  }

  /**
   * Leases a session of the generation that `current` returns for new calls.
   * Throws what `current` throws, and the errors of `Generation.acquire`.
   */
  static async acquire(current: () => Generation, caller: Caller, signal: AbortSignal): Promise<Lease> {
    return new Lease(current, caller, await acquireHold(current, caller, signal));
  }

  /** See `SessionHold`, for this and what follows. */
  async open(signal: AbortSignal): Promise<Session> {
    for (;;) {
      try {
        return await this.#hold.open(signal);
      } catch (error) {
        if (this.#isReleased || !isReplaced(this.#generation, this.#current, error)) throw error;
        const { generation, hold } = await acquireHold(this.#current, this.#caller, signal);
        this.#generation.release(this.#hold);
        this.#generation = generation;
        this.#hold = hold;
      }
    }
  }

  get catalogue(): Catalogue | undefined {
    return this.#hold.catalogue;
  }

  redact(text: string, maxCharacters?: number): string {
    return this.#hold.redact(text, maxCharacters);
  }

  noteUse(tool: string): void {
    this.#hold.noteUse(tool);
  }

  toPublicError(error: unknown): Promise<unknown> {
    return this.#hold.toPublicError(error);
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#generation.release(this.#hold);
  }
}

interface Held {
  readonly generation: Generation;
  readonly hold: SessionHold;
}

async function acquireHold(current: () => Generation, caller: Caller, signal: AbortSignal): Promise<Held> {
  for (;;) {
    const generation = current();
    try {
      return { generation, hold: await generation.acquire(caller, signal) };
    } catch (error) {
      if (!isReplaced(generation, current, error)) throw error;
    }
  }
}

/** The error means that there was no session, and another generation may have one. */
function isReplaced(generation: Generation, current: () => Generation, error: unknown): boolean {
  return error instanceof ServerUnavailableError && current() !== generation;
}
