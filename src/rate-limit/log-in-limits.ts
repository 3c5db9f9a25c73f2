import type { ServerResponse } from 'node:http';
import type { Store } from 'express-rate-limit';
import type { Rate } from '../config/rate.ts';
import { RateLimitedError } from '../errors.ts';
import { toAddressKey } from './address-key.ts';
import { type FailedLogInCounts, FailedLogIns } from './failed-log-ins.ts';
import { KnownCredentials } from './known-credentials.ts';
import { RateLimit } from './rate-limit.ts';

/**
 * Requests a minute from one address whose sender is not known yet. Requests with a credential that was right before
 * are not among them and those of a log-in that succeeds are given back, so that any number of users may share an
 * address: all of Open WebUI's come from one.
 */
export const DEFAULT_ADDRESS_RATE: Rate = { limit: 12_000, windowMs: 60_000 };

export interface LogInLimitsOptions {
  /** Requests from one address before it is known who sends them. */
  readonly address: Rate | 'off';
  /** Failed log-ins from one address, and at one account. */
  readonly failures: Rate | 'off';
  /** Where requests by address are counted; in this process if not given. */
  readonly addressStore?: Store | undefined;
  /** Opens what counts the failures; in this process if not given. */
  readonly openFailedLogIns?: ((rate: Rate) => FailedLogInCounts) | undefined;
  readonly now?: () => number;
}

export interface LogIn {
  readonly address: string;
  /** What is presented, whole; `undefined` when nothing is. */
  readonly credential: string | undefined;
  /** Public name of what is presented, if it has one, such as a key's id or the user of Basic authentication. */
  readonly account?: string | undefined;
  /**
   * Only a valid signature can make it right, as with a JWT, so that trying many is no way to find one. Must be false
   * for what is also compared with API keys.
   */
  readonly isSigned?: boolean;
}

/** One try; exactly one of these is to be called when it is over, none if it could not be told whether it is right. */
export interface LogInAttempt {
  succeeded(): void;
  /** What was presented is wrong, expired or revoked. */
  failed(): void;
  /** It is right, but whom its holder speaks for was not believed: the key of Open WebUI with a bad user token. */
  failedForUser(): void;
}

/**
 * What slows down those who guess, and nobody else. A credential is evaluated if it was right within the last day, or
 * if neither its address nor its account has to wait after too many failures. So a guess is not even looked at while
 * its address waits, but a right key goes on working from the very same address; one that was never seen before waits
 * a minute at most with the default rate.
 *
 * Over several replicas requests by address and failures can be counted together, or each replica would be as many tries
 * more. Which credentials were right is known to each by itself: it spares whoever holds one a wait, and digests of
 * right credentials are best kept nowhere else.
 */
export class LogInLimits {
  readonly #requests: RateLimit | undefined;
  readonly #failures: FailedLogInCounts | undefined;
  readonly #known: KnownCredentials;

  constructor({ address, failures, addressStore, openFailedLogIns, now = Date.now }: LogInLimitsOptions) {
    if (address !== 'off') {
      const tooMuch = 'Too many requests from this address';
      this.#requests = new RateLimit({ rate: address, tooMuch, store: addressStore });
    }
    if (failures !== 'off') this.#failures = openFailedLogIns?.(failures) ?? new FailedLogIns(failures, { now });
    this.#known = new KnownCredentials({ now });
  }

  /** To be called before a credential is evaluated. Throws `RateLimitedError` when it must not be. */
  async begin(logIn: LogIn, response: ServerResponse): Promise<LogInAttempt> {
    const { credential } = logIn;
    const digest = credential === undefined ? undefined : this.#known.digest(credential);
    const addressKey = toAddressKey(logIn.address);
    const isKnown = digest !== undefined && this.#known.has(digest);
    if (!isKnown) {
      if (credential !== undefined && logIn.isSigned !== true) await this.#checkFailures(addressKey, logIn.account);
      await this.#requests?.count(addressKey, response);
    }
    const wasRight = (): void => {
      if (digest !== undefined) this.#known.add(digest);
      if (!isKnown) void this.#requests?.giveBack(addressKey);
    };
    return {
      succeeded: wasRight,
      failed: () => {
        if (digest === undefined) return;
        this.#known.delete(digest);
        void this.#failures?.add(`address ${addressKey}`);
        if (logIn.account !== undefined) void this.#failures?.add(accountKey(logIn.account));
      },
      failedForUser: () => {
        wasRight();
        void this.#failures?.add(`address ${addressKey}`);
      },
    };
  }

  async #checkFailures(addressKey: string, account: string | undefined): Promise<void> {
    const failures = this.#failures;
    if (failures === undefined) return;
    const keys = [`address ${addressKey}`, ...(account === undefined ? [] : [accountKey(account)])];
    const waitMs = Math.max(...(await Promise.all(keys.map((key) => failures.waitMs(key)))));
    if (waitMs === 0) return;
    const seconds = Math.ceil(waitMs / 1_000);
    throw new RateLimitedError(`Too many failed log-ins; try again in ${seconds} s.`, seconds);
  }
}

/** Cut, so that long made-up names take no memory. */
function accountKey(account: string): string {
  return `account ${account.slice(0, 200)}`;
}
