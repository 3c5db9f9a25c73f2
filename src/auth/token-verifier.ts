import { hash } from 'node:crypto';
import { BoundedMap } from '../bounded-map.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AuthSettings } from './auth-settings.ts';
import { checkTokenClaims, OWN_ISSUER, toUserPrincipal } from './claims.ts';
import type { IssuerFetch } from './issuer-fetch.ts';
import { KEY_SET_TIMINGS, type KeySetTimings } from './key-set.ts';
import type { UserPrincipal } from './principal.ts';
import { MAX_TOKEN_LENGTH, parseToken, TokenRefusedError, type UnverifiedToken, verifySignature } from './token.ts';
import { openTokenIssuers, type TokenIssuer } from './token-issuer.ts';
import type { TokenKey } from './token-key.ts';

/** A verified token is cached for this long, then verified again. */
const MAX_CACHED_MS = 60_000;
const MAX_CACHED_TOKENS = 1_000;

export interface TokenVerifierOptions extends Pick<AuthSettings, 'issuers' | 'scopesByRole' | 'scopesByGroup'> {
  readonly logger: Logger;
  readonly fetch?: IssuerFetch;
  readonly timings?: KeySetTimings;
  /** 0 turns the cache of verified tokens off. */
  readonly maxCachedTokens?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

interface VerifiedToken {
  readonly principal: UserPrincipal;
  /** Milliseconds since the epoch, as the next. */
  readonly verifiedAt: number;
  /** From then on the token is verified anew. */
  readonly endsAt: number;
  readonly key: TokenKey;
  readonly issuer: TokenIssuer;
}

/** Verifies JSON Web Tokens (RFC 7519). */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #now: () => number;
  readonly #issuers: ReadonlyMap<string, TokenIssuer>;
  /** By digest, so that it holds no token. */
  readonly #cache: BoundedMap<string, VerifiedToken>;

  /** Throws `ConfigError` when an issuer's keys cannot be used. */
  constructor(options: TokenVerifierOptions) {
    const { logger, timings = KEY_SET_TIMINGS, now = Date.now, maxCachedTokens = MAX_CACHED_TOKENS } = options;
    const fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.#options = options;
    this.#now = now;
    this.#issuers = openTokenIssuers(options.issuers, { logger, now, fetch, timings });
    this.#cache = new BoundedMap(maxCachedTokens);
  }

  /**
   * The user that a token is about; a promise only when its issuer must be asked for keys first. Throws, or rejects with,
   * `UnauthenticatedError` for a token that is refused and `ServerUnavailableError` when the keys cannot be read.
   */
  verify(token: string): UserPrincipal | Promise<UserPrincipal> {
    try {
      const principal = this.#verify(token);
      return principal instanceof Promise ? principal.catch((error: unknown) => this.#fail(error)) : principal;
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** Ends requests to issuers that are under way. */
  close(): void {
    for (const { keys } of this.#issuers.values()) if (keys.kind === 'set') keys.set.close();
    this.#cache.clear();
  }

  #fail(error: unknown): never {
    if (error instanceof TokenRefusedError) {
      this.#options.logger.debug('A token was refused', { reason: error.detail });
    }
    throw error;
  }

  #verify(token: string): UserPrincipal | Promise<UserPrincipal> {
    if (token.length > MAX_TOKEN_LENGTH) throw new TokenRefusedError('not-valid', 'too long');
    const digest = hash('sha256', token, 'base64');
    const cached = this.#cache.use(digest);
    if (cached !== undefined && isStillValid(cached, this.#now())) return cached.principal;
    this.#cache.delete(digest);
    const unverified = parseToken(token);
    const issuer = findIssuer(this.#issuers, unverified);
    const key = findKey(issuer, unverified);
    return key instanceof Promise
      ? key.then((found) => this.#verifyWith(found, issuer, token, digest))
      : this.#verifyWith(key, issuer, token, digest);
  }

  #verifyWith(key: TokenKey, issuer: TokenIssuer, token: string, digest: string): UserPrincipal {
    const { settings, keys } = issuer;
    const usable = settings.algorithms.filter((algorithm) => key.algorithms.has(algorithm));
    const claims = verifySignature(token, key.key, usable);
    const verifiedAt = this.#now();
    const expiresAt = checkTokenClaims(claims, settings, verifiedAt / 1_000) * 1_000;
    const presented = { isAccessToken: settings.keySource.kind !== 'secret', expiresAt };
    const rules = { ...this.#options, names: settings.claims, scopes: settings.scopes };
    const principal = toUserPrincipal(claims, rules, presented);
    const freshUntil = keys.kind === 'set' ? keys.set.freshUntil : Number.POSITIVE_INFINITY;
    const endsAt = Math.min(verifiedAt + MAX_CACHED_MS, expiresAt, freshUntil);
    this.#cache.set(digest, { principal, verifiedAt, endsAt, key, issuer });
    return principal;
  }
}

function isStillValid({ verifiedAt, endsAt, key, issuer: { keys } }: VerifiedToken, now: number): boolean {
  return now >= verifiedAt && now < endsAt && (keys.kind === 'local' || keys.set.holds(key));
}

/** By the exact `iss`; a token without one can only be our own, whatever key signed it. */
function findIssuer(issuers: ReadonlyMap<string, TokenIssuer>, token: UnverifiedToken): TokenIssuer {
  const { issuer: name = OWN_ISSUER } = token;
  const issuer = typeof name === 'string' ? issuers.get(name) : undefined;
  if (issuer === undefined) throw new TokenRefusedError('wrong-issuer', 'unknown issuer');
  if (!issuer.algorithms.has(token.algorithm)) throw new TokenRefusedError('not-valid', 'algorithm not accepted');
  return issuer;
}

function findKey({ keys }: TokenIssuer, { keyId, algorithm }: UnverifiedToken): TokenKey | Promise<TokenKey> {
  return keys.kind === 'local' ? keys.key : keys.set.find(keyId, algorithm);
}
