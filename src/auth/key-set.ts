import { ServerUnavailableError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { IssuerReadError } from './issuer-fetch.ts';
import type { ReadIssuerKeys } from './issuer-keys.ts';
import { TokenRefusedError } from './token.ts';
import type { TokenKey } from './token-key.ts';

/** Readings that one token may wait for: one under way, and one that it asked for itself. */
const MAX_TRIES = 2;

/** All in milliseconds. */
export interface KeySetTimings {
  /** A set read this long ago is read again beside its use. */
  readonly refreshAfterMs: number;
  /** A set read this long ago is read again before its use: a withdrawn key is no longer valid. */
  readonly freshMs: number;
  /** While the issuer cannot be asked, a set is used until this long after it was read. */
  readonly staleMs: number;
  /** Between two readings because of keys that are not in the set. */
  readonly unknownKeyPauseMs: number;
  /** Between two tries after a failure. */
  readonly failurePauseMs: number;
}

export const KEY_SET_TIMINGS: KeySetTimings = {
  refreshAfterMs: 30_000,
  freshMs: 60_000,
  staleMs: 3_600_000,
  unknownKeyPauseMs: 30_000,
  failurePauseMs: 10_000,
};

export interface KeySetOptions {
  /** Named in the log and to callers. */
  readonly issuer: string;
  readonly read: ReadIssuerKeys;
  readonly logger: Logger;
  readonly timings: KeySetTimings;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * The keys of one issuer, cached, with one reading at a time. Unknown key ids cannot make it ask the issuer more
 * often than `unknownKeyPauseMs` allows; while the issuer is away the known keys are used for `staleMs`.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #closing = new AbortController();
  #keys: readonly TokenKey[] = [];
  #readAt = Number.NEGATIVE_INFINITY;
  /** Of the last try, if it failed. */
  #failedAt: number | undefined;
  #unknownKeyAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /**
   * The key that a token says it is signed with; a promise only when the issuer must be asked first.
   * Throws `TokenRefusedError` when the set was read and has no such key, `ServerUnavailableError` when it could not be.
   */
  find(keyId: string | undefined, algorithm: string): TokenKey | Promise<TokenKey> {
    const { timings } = this.#options;
    const age = this.#since(this.#readAt);
    if (age >= timings.staleMs || (age >= timings.freshMs && this.#failedAt === undefined)) {
      return this.#findAfterReading(keyId, algorithm);
    }
    const key = this.#select(keyId, algorithm);
    if (key === undefined) return this.#findUnknown(keyId, algorithm);
    if (age >= timings.refreshAfterMs) void this.#readIfAllowed();
    return key;
  }

  /** Whether a key is still in the set; refreshes the set if need be, since this is a use of the key. */
  holds(key: TokenKey): boolean {
    if (this.#since(this.#readAt) >= this.#options.timings.refreshAfterMs) void this.#readIfAllowed();
    return this.#keys.includes(key);
  }

  /** Until when, in milliseconds since the epoch, the set may be used without asking the issuer. */
  get freshUntil(): number {
    return this.#readAt + this.#options.timings.freshMs;
  }

  close(): void {
    this.#closing.abort();
  }

  async #findAfterReading(keyId: string | undefined, algorithm: string): Promise<TokenKey> {
    await this.#readIfAllowed();
    if (this.#since(this.#readAt) >= this.#options.timings.staleMs) throw this.#unavailable();
    return this.#select(keyId, algorithm) ?? this.#findUnknown(keyId, algorithm);
  }

  /** The issuer may have changed its keys since; what is being read already is waited for. */
  async #findUnknown(keyId: string | undefined, algorithm: string): Promise<TokenKey> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const reading = this.#reading ?? this.#readForUnknownKey();
      if (reading === undefined) break;
      await reading;
      const key = this.#select(keyId, algorithm);
      if (key !== undefined) return key;
    }
    if (this.#failedAt !== undefined) throw this.#unavailable();
    throw new TokenRefusedError('not-valid', 'unknown key');
  }

  /** With a key id, the key of that id; without, the only one that suits the algorithm (RFC 7517, section 4.5). */
  #select(keyId: string | undefined, algorithm: string): TokenKey | undefined {
    const named = keyId === undefined ? this.#keys : this.#keys.filter((key) => key.keyId === keyId);
    const suitable = named.filter(({ algorithms }) => (algorithms as ReadonlySet<string>).has(algorithm));
    if (suitable.length > 1) throw new TokenRefusedError('not-valid', 'more than one key suits');
    if (suitable.length === 0 && keyId !== undefined && named.length > 0) {
      throw new TokenRefusedError('not-valid', 'the key is for another algorithm');
    }
    return suitable[0];
  }

  #readForUnknownKey(): Promise<void> | undefined {
    const { timings, now } = this.#options;
    if (this.#failedAt !== undefined) return this.#mayRead() ? this.#read() : undefined;
    if (this.#since(this.#unknownKeyAt) < timings.unknownKeyPauseMs) return undefined;
    this.#unknownKeyAt = now();
    return this.#read();
  }

  async #readIfAllowed(): Promise<void> {
    if (this.#reading !== undefined || this.#mayRead()) await this.#read();
  }

  #mayRead(): boolean {
    return this.#failedAt === undefined || this.#since(this.#failedAt) >= this.#options.timings.failurePauseMs;
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** After the clock was set back, everything counts as long ago. */
  #since(time: number): number {
    const age = this.#options.now() - time;
    return age < 0 ? Number.POSITIVE_INFINITY : age;
  }

  /** Never rejects: what went wrong shows in `#failedAt`. */
  async #readOnce(): Promise<void> {
    const { issuer, read, logger, now } = this.#options;
    const startedAt = now();
    try {
      const keys = await read(this.#closing.signal);
      this.#keys = keys.map((key) => this.#keys.find((known) => isSameKey(known, key)) ?? key);
      this.#readAt = startedAt;
      if (this.#failedAt !== undefined) logger.info('The keys of an issuer can be read again', { issuer });
      this.#failedAt = undefined;
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      const reason = error instanceof IssuerReadError ? error.message : 'its keys cannot be understood';
      if (this.#failedAt === undefined) logger.warn('The keys of an issuer cannot be read', { issuer, reason });
      this.#failedAt = now();
    }
  }

  #unavailable(): ServerUnavailableError {
    const { timings } = this.#options;
    const waitMs = this.#failedAt === undefined ? 0 : timings.failurePauseMs - this.#since(this.#failedAt);
    return new ServerUnavailableError(
      'The token cannot be checked now, since the keys of its issuer cannot be read; try again in a moment.',
      Math.max(1, Math.ceil(waitMs / 1_000)),
    );
  }
}

/** A key that stays in the set keeps its object, by which `holds` knows it. */
function isSameKey(one: TokenKey, other: TokenKey): boolean {
  return (
    one.keyId === other.keyId &&
    one.key.equals(other.key) &&
    [...one.algorithms].join() === [...other.algorithms].join()
  );
}
