import type { Algorithm } from 'jsonwebtoken';
import { ServerUnavailableError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { IssuerSettings } from './auth-settings.ts';
import { discoverKeySet, fetchIssuerJson, IssuerReadError } from './issuer-documents.ts';
import { readPublishedKey, type TokenKey } from './token-key.ts';
import { TokenRefusedError } from './token-refused-error.ts';

/** An issuer with more keys than this is not believed. */
const MAX_KEYS = 100;
/** Readings that one token may wait for: one under way, and one that it asked for itself. */
const MAX_TRIES = 2;

/** A set read this long ago is read again beside its use. */
const REFRESH_AFTER_MS = 30_000;
/** A set read this long ago is read again before its use: a withdrawn key is no longer valid. */
const FRESH_MS = 60_000;
/** While the issuer cannot be asked, a set is used until this long after it was read. */
const STALE_MS = 3_600_000;
/** Between two readings because of keys that are not in the set. */
const UNKNOWN_KEY_PAUSE_MS = 30_000;
/** Between two tries after a failure. */
const FAILURE_PAUSE_MS = 10_000;

/**
 * The keys that one issuer publishes, cached, with one reading at a time. Unknown key ids cannot make it ask the issuer
 * more often than `UNKNOWN_KEY_PAUSE_MS` allows; while the issuer is away the known keys are used for `STALE_MS`.
 */
export class KeySet {
  readonly #issuer: string;
  readonly #logger: Logger;
  readonly #isDiscovered: boolean;
  readonly #closing = new AbortController();
  /** `undefined` until it is discovered. */
  #url: URL | undefined;
  #keys: readonly TokenKey[] = [];
  #readAt = Number.NEGATIVE_INFINITY;
  /** Of the last try, if it failed. */
  #failedAt: number | undefined;
  #unknownKeyAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor({ issuer, keySource }: Pick<IssuerSettings, 'issuer' | 'keySource'>, logger: Logger) {
    this.#url = keySource.kind === 'key-set' ? new URL(keySource.uri) : undefined;
    this.#isDiscovered = this.#url === undefined;
    this.#issuer = issuer ?? this.#url?.origin ?? '';
    this.#logger = logger;
  }

  /**
   * The key that a token says it is signed with, as another object once the set was read again. Rejects with
   * `TokenRefusedError` when the set was read and has no such key, `ServerUnavailableError` when it could not be.
   */
  async find(keyId: string | undefined, algorithm: Algorithm): Promise<TokenKey> {
    const age = since(this.#readAt);
    if (age >= STALE_MS || (age >= FRESH_MS && this.#failedAt === undefined)) {
      await this.#read();
      if (since(this.#readAt) >= STALE_MS) throw this.#unavailable();
    }
    const key = selectKey(this.#keys, keyId, algorithm) ?? (await this.#findUnknown(keyId, algorithm));
    if (since(this.#readAt) >= REFRESH_AFTER_MS) void this.#read();
    return key;
  }

  /** Ends a request to the issuer that is under way. */
  close(): void {
    this.#closing.abort();
  }

  /** The issuer may have changed its keys since; what is being read already is waited for. */
  async #findUnknown(keyId: string | undefined, algorithm: Algorithm): Promise<TokenKey> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      if (this.#reading === undefined && this.#failedAt === undefined) {
        if (since(this.#unknownKeyAt) < UNKNOWN_KEY_PAUSE_MS) break;
        this.#unknownKeyAt = Date.now();
      }
      const reading = this.#read();
      if (reading === undefined) break;
      await reading;
      const key = selectKey(this.#keys, keyId, algorithm);
      if (key !== undefined) return key;
    }
    if (this.#failedAt !== undefined) throw this.#unavailable();
    throw new TokenRefusedError('not-valid', 'unknown key');
  }

  /** Never rejects; `undefined` in the pause after a failure. */
  #read(): Promise<void> | undefined {
    if (this.#failedAt === undefined || since(this.#failedAt) >= FAILURE_PAUSE_MS) {
      this.#reading ??= this.#readOnce().finally(() => {
        this.#reading = undefined;
      });
    }
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    const { signal } = this.#closing;
    const startedAt = Date.now();
    try {
      this.#url ??= await discoverKeySet(this.#issuer, signal);
      const { keys } = await fetchIssuerJson(this.#url, signal);
      if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new IssuerReadError('its answer is not a key set');
      this.#keys = keys.map(readPublishedKey).filter((key) => key !== undefined);
      this.#readAt = startedAt;
      if (this.#failedAt !== undefined) {
        this.#logger.info('The keys of an issuer can be read again', { issuer: this.#issuer });
      }
      this.#failedAt = undefined;
    } catch (error) {
      // It may have moved.
      if (this.#isDiscovered) this.#url = undefined;
      if (signal.aborted) return;
      if (this.#failedAt === undefined) {
        const reason = error instanceof IssuerReadError ? error.message : 'its keys cannot be understood';
        this.#logger.warn('The keys of an issuer cannot be read', { issuer: this.#issuer, reason });
      }
      this.#failedAt = Date.now();
    }
  }

  #unavailable(): ServerUnavailableError {
    const waitMs = this.#failedAt === undefined ? 0 : FAILURE_PAUSE_MS - since(this.#failedAt);
    return new ServerUnavailableError(
      'The token cannot be checked now, since the keys of its issuer cannot be read; try again in a moment.',
      Math.max(1, Math.ceil(waitMs / 1_000)),
    );
  }
}

/** After the clock was set back, everything counts as long ago. */
function since(time: number): number {
  const age = Date.now() - time;
  return age < 0 ? Number.POSITIVE_INFINITY : age;
}

/** With a key id, the key of that id; without, the only one that suits the algorithm (RFC 7517, section 4.5). */
function selectKey(keys: readonly TokenKey[], keyId: string | undefined, algorithm: Algorithm): TokenKey | undefined {
  const named = keyId === undefined ? keys : keys.filter((key) => key.keyId === keyId);
  const [suitable, ...others] = named.filter(({ algorithms }) => algorithms.has(algorithm));
  if (others.length > 0) throw new TokenRefusedError('not-valid', 'more than one key suits');
  if (suitable === undefined && keyId !== undefined && named.length > 0) {
    throw new TokenRefusedError('not-valid', 'the key is for another algorithm');
  }
  return suitable;
}
