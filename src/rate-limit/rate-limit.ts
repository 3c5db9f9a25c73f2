import type { ServerResponse } from 'node:http';
import { type RateLimitInfo, type RateLimitRequestHandler, rateLimit, type Store } from 'express-rate-limit';
import type { Rate } from '../config/rate.ts';
import { RateLimitedError } from '../errors.ts';
import { LocalStore } from './local-counts.ts';

export interface RateLimitOptions {
  readonly rate: Rate;
  /** What there was too much of, as the answer says it: "Too many calls from you". */
  readonly tooMuch: string;
  /** Called with each that is refused. */
  readonly onRefused?: (() => void) | undefined;
  /** Where it counts; in this process if not given. Each limit needs its own. */
  readonly store?: Store | undefined;
}

type ExpressRequest = Parameters<RateLimitRequestHandler>[0];
type ExpressResponse = Parameters<RateLimitRequestHandler>[1];

/** What the library gets to see in place of a request; it reads nothing else of one. */
interface Counted {
  readonly key: string;
  rateLimit?: RateLimitInfo;
}

/** A limit on how often something with the same key happens. */
export class RateLimit {
  readonly #middleware: RateLimitRequestHandler;
  readonly #store: Store;

  constructor({ rate, tooMuch, onRefused, store = new LocalStore() }: RateLimitOptions) {
    this.#store = store;
    this.#middleware = rateLimit({
      windowMs: rate.windowMs,
      limit: rate.limit,
      store,
      // Draft 7 and not 8: that needs Express's response, and hashes the key for every call.
      standardHeaders: 'draft-7',
      legacyHeaders: false,
      // They check how Express is set up, which is not used here.
      validate: false,
      keyGenerator: (request) => (request as unknown as Counted).key,
      handler: (request, _response, next) => {
        onRefused?.();
        const resetAt = (request as unknown as Counted).rateLimit?.resetTime?.getTime() ?? Date.now() + rate.windowMs;
        const seconds = Math.max(1, Math.ceil((resetAt - Date.now()) / 1_000));
        next(new RateLimitedError(`${tooMuch}; try again in ${seconds} s.`, seconds));
      },
    });
  }

  /**
   * Counts one, and sets `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-07) on the response.
   * Throws `RateLimitedError` when it is one too many.
   */
  count(key: string, response: ServerResponse): Promise<void> {
    const counted: Counted = { key };
    return new Promise((resolve, reject) => {
      const next = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
      void this.#middleware(counted as unknown as ExpressRequest, response as ExpressResponse, next);
    });
  }

  /** Takes one back, as if it had not been counted. */
  async giveBack(key: string): Promise<void> {
    await this.#store.decrement(key);
  }
}
