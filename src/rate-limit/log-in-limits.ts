import { hash, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { BoundedMap } from '../bounded-map.ts';
import { RateLimitedError } from '../errors.ts';
import { toAddressKey } from './address-key.ts';
import type { FailureCounts } from './local-counts.ts';
import type { RateLimit } from './rate-limit.ts';

/** A credential that was right this long ago counts as one that its owner still uses. */
const MAX_AGE_MS = 24 * 3_600_000;
/** Noted this often at most, since each call is one more time. */
const NOTE_EVERY_MS = 60_000;
const MAX_CREDENTIALS = 10_000;

export interface LogInLimitsOptions {
  /** Limits requests from one address before it is known who sends them. */
  readonly requests?: RateLimit | undefined;
  /** Counts failed log-ins from one address, and at one account. */
  readonly failures?: FailureCounts | undefined;
  /** Called with each attempt that is refused after too many failures. */
  readonly onRefused?: (() => void) | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface LogIn {
  readonly address: string;
  /** What is presented, whole; `undefined` when nothing is. */
  readonly credential: string | undefined;
  /** Public name of what is presented, if it has one, such as a key's id or the user of Basic authentication. */
  readonly account?: string | undefined;
  /**
   * Only a valid signature can make it right, as with a JWT, so that trying many does not help to find one. Must be false
   * for what is also compared with API keys.
   */
  readonly isSigned?: boolean;
}

/** One try; exactly one of these is to be called when it is over, none if it could not be decided whether it is right. */
export interface LogInAttempt {
  succeeded(): void;
  /**
   * What was presented is wrong, expired or revoked. With `isKeyRight` only the user that its holder named was not
   * believed: the key of Open WebUI with a bad user token.
   */
  failed(how?: { readonly isKeyRight: boolean }): void;
}

/**
 * Slows down those who guess, and nobody else. A credential is evaluated if it was right within the last day, or if
 * neither its address nor its account has to wait after too many failures. So a guess is not even looked at while its
 * address waits, but a right key keeps working from the very same address; one that was never seen before waits a
 * minute at most with the default rate.
 *
 * Over several replicas requests by address and failures can be counted together, or each replica would allow as many
 * tries more. Which credentials were right is known to each by itself: it spares their holders a wait, and digests of
 * right credentials are best stored nowhere else.
 */
export class LogInLimits {
  readonly #requests: RateLimit | undefined;
  readonly #failures: FailureCounts | undefined;
  readonly #onRefused: (() => void) | undefined;
  readonly #now: () => number;
  /** When each credential was last right, by a digest that is different in every process. */
  readonly #rightAt = new BoundedMap<string, number>(MAX_CREDENTIALS);
  readonly #salt = randomBytes(16).toString('hex');

  constructor({ requests, failures, onRefused, now = Date.now }: LogInLimitsOptions = {}) {
    this.#requests = requests;
    this.#failures = failures;
    this.#onRefused = onRefused;
    this.#now = now;
  }

  /** To be called before a credential is evaluated. Throws `RateLimitedError` when it must not be. */
  async begin({ address, credential, account, isSigned }: LogIn, response: ServerResponse): Promise<LogInAttempt> {
    const digest = credential === undefined ? undefined : hash('sha256', this.#salt + credential, 'base64');
    const rightAt = digest === undefined ? undefined : this.#rightAt.get(digest);
    const age = this.#now() - (rightAt ?? Number.NEGATIVE_INFINITY);
    const isKnown = age < MAX_AGE_MS;
    if (!isKnown) {
      if (credential !== undefined && isSigned !== true) await this.#checkFailures(address, account);
      await this.#requests?.count(toAddressKey(address), response);
    }
    const succeeded = (): void => {
      if (digest !== undefined && age > NOTE_EVERY_MS) this.#rightAt.set(digest, this.#now());
      if (!isKnown) void this.#requests?.giveBack(toAddressKey(address));
    };
    return {
      succeeded,
      failed: ({ isKeyRight } = { isKeyRight: false }) => {
        if (digest === undefined) return;
        if (isKeyRight) succeeded();
        else this.#rightAt.delete(digest);
        for (const key of failureKeys(address, isKeyRight ? undefined : account)) void this.#failures?.add(key);
      },
    };
  }

  async #checkFailures(address: string, account: string | undefined): Promise<void> {
    const keys = failureKeys(address, account);
    const waits = await Promise.all(keys.map((key) => this.#failures?.waitMs(key) ?? 0));
    const seconds = Math.ceil(Math.max(...waits) / 1_000);
    if (seconds <= 0) return;
    this.#onRefused?.();
    throw new RateLimitedError(`Too many failed log-ins; try again in ${seconds} s.`, seconds);
  }
}

function failureKeys(address: string, account: string | undefined): readonly string[] {
  const ofAddress = `address ${toAddressKey(address)}`;
  // Cut, so that long made-up names take no memory.
  return account === undefined ? [ofAddress] : [ofAddress, `account ${account.slice(0, 200)}`];
}
