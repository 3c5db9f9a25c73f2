import { ServerUnavailableError } from '../../errors.ts';
import { shareOfOne } from '../../turns/fair-turns.ts';

/** Bytes of each body that are not counted: small calls go on whatever the large ones take. */
const FREE_BYTES = 16 * 1024;
const RETRY_AFTER_SECONDS = 2;

/**
 * Bounds the bytes of all request bodies that the process holds at once, from their first byte to the end of the call:
 * of one caller, all but a quarter.
 */
export class BodyBudget {
  readonly #maxBytes: number;
  readonly #heldBy = new Map<string, number>();
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that count now. */
  get held(): number {
    return this.#held;
  }

  /** Throws `ServerUnavailableError` where so many more bytes are too many. */
  take(callerId: string, bytes: number): void {
    this.assertFits(callerId, bytes);
    this.#held += bytes;
    this.#heldBy.set(callerId, (this.#heldBy.get(callerId) ?? 0) + bytes);
  }

  /** Throws `ServerUnavailableError` where so many more bytes are too many now. */
  assertFits(callerId: string, bytes: number): void {
    const ofCaller = (this.#heldBy.get(callerId) ?? 0) + bytes;
    if (this.#held + bytes <= this.#maxBytes && ofCaller <= shareOfOne(this.#maxBytes)) return;
    throw new ServerUnavailableError(
      'The service holds as many large request bodies as it can. Try again later.',
      RETRY_AFTER_SECONDS,
    );
  }

  giveBack(callerId: string, bytes: number): void {
    this.#held -= bytes;
    const left = (this.#heldBy.get(callerId) ?? 0) - bytes;
    if (left > 0) this.#heldBy.set(callerId, left);
    else this.#heldBy.delete(callerId);
  }
}

/** What one request's body takes of the budget. To be released when the request is done with. */
export class HeldBody {
  readonly #budget: BodyBudget;
  readonly #callerId: string;
  #counted = 0;

  constructor(budget: BodyBudget, callerId: string) {
    this.#budget = budget;
    this.#callerId = callerId;
  }

  /** Whether a body of so many bytes could be held now. Throws `ServerUnavailableError` where not. */
  expect(bytes: number): void {
    if (bytes > FREE_BYTES) this.#budget.assertFits(this.#callerId, bytes - FREE_BYTES);
  }

  /** The body has grown to so many bytes. Throws `ServerUnavailableError` where those are too many now. */
  grow(bytes: number): void {
    const counted = bytes - FREE_BYTES;
    if (counted <= this.#counted) return;
    this.#budget.take(this.#callerId, counted - this.#counted);
    this.#counted = counted;
  }

  release(): void {
    if (this.#counted > 0) this.#budget.giveBack(this.#callerId, this.#counted);
    this.#counted = 0;
  }
}
