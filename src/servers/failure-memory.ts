import { BoundedMap } from '../bounded-map.ts';
import { ServerUnavailableError, type ServiceError } from '../errors.ts';
import { RestartPolicy } from '../process/restart-policy.ts';
import type { SessionKey, UserAndChat } from './session-key.ts';

const MAX_REMEMBERED = 1_000;

interface Failure {
  readonly owner: UserAndChat;
  readonly policy: RestartPolicy;
  readonly error: ServiceError;
  /** On the clock of `performance.now()`. */
  readonly nextTryAt: number;
}

/**
 * Remembers whose sessions failed, so that calls in a loop do not start a process each: the delay until the next try
 * grows. Forgets the oldest failures beyond a bound.
 */
export class FailureMemory {
  readonly #failures = new BoundedMap<SessionKey, Failure>(MAX_REMEMBERED);

  /** Throws the last failure's error during the delay after it, with the time that is left. */
  check(key: SessionKey): void {
    const failure = this.#failures.get(key);
    const leftMs = failure === undefined ? 0 : failure.nextTryAt - performance.now();
    if (failure === undefined || leftMs <= 0) return;
    const { error } = failure;
    if (!(error instanceof ServerUnavailableError)) throw error;
    throw new ServerUnavailableError(error.message, Math.max(1, Math.ceil(leftMs / 1000)), error);
  }

  /** Notes that a session failed after it had been up for `upForMs`, 0 if it never was. */
  note(key: SessionKey, owner: UserAndChat, error: ServiceError, upForMs: number): void {
    const policy = this.#failures.get(key)?.policy ?? new RestartPolicy();
    const { delayMs } = policy.next(performance.now(), upForMs, Math.random());
    this.#failures.set(key, { owner, policy, error, nextTryAt: performance.now() + delayMs });
  }

  /** Forgets the failures of the owners that match. */
  forget(isOne: (owner: UserAndChat) => boolean): void {
    for (const [key, { owner }] of this.#failures) if (isOne(owner)) this.#failures.delete(key);
  }
}
