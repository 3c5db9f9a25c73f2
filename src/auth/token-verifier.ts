import { hash } from 'node:crypto';
import type { Algorithm } from 'jsonwebtoken';
import { BoundedMap } from '../bounded-map.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AuthSettings } from './auth-settings.ts';
import { checkTokenClaims, OWN_ISSUER, toUserPrincipal } from './claims.ts';
import type { JsonObject } from './json-body.ts';
import type { UserPrincipal } from './principal.ts';
import { parseToken, verifySignature } from './token.ts';
import { openTokenIssuers, type TokenIssuer } from './token-issuer.ts';
import type { TokenKey } from './token-key.ts';
import { TokenRefusedError } from './token-refused-error.ts';

/** A verified token is cached for this long, then verified again. */
const MAX_CACHED_MS = 60_000;
const MAX_CACHED_TOKENS = 1_000;

export interface TokenVerifierOptions extends Pick<AuthSettings, 'issuers' | 'scopesByRole' | 'scopesByGroup'> {
  readonly logger: Logger;
}

/** A token whose issuer is accepted, not yet verified. */
interface ReadToken {
  readonly issuer: TokenIssuer;
  readonly algorithm: Algorithm;
  readonly keyId: string | undefined;
}

interface VerifiedToken extends ReadToken {
  readonly principal: UserPrincipal;
  readonly key: TokenKey;
  /** Milliseconds since the epoch, as the next. */
  readonly verifiedAt: number;
  /** From then on the token is verified anew. */
  readonly endsAt: number;
}

/** Verifies JSON Web Tokens (RFC 7519). */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #issuers: ReadonlyMap<unknown, TokenIssuer>;
  /** By digest, so that it holds no token. */
  readonly #cache = new BoundedMap<string, VerifiedToken>(MAX_CACHED_TOKENS);

  /** Throws `ConfigError` when an issuer's keys cannot be used. */
  constructor(options: TokenVerifierOptions) {
    this.#options = options;
    this.#issuers = openTokenIssuers(options.issuers, options.logger);
  }

  /**
   * The user that a token is about. Rejects with `UnauthenticatedError` for a token that is refused, and with
   * `ServerUnavailableError` when the keys of its issuer cannot be read.
   */
  async verify(token: string): Promise<UserPrincipal> {
    try {
      return await this.#verify(token);
    } catch (error) {
      if (error instanceof TokenRefusedError) {
        this.#options.logger.debug('A token was refused', { reason: error.detail });
      }
      throw error;
    }
  }

  /** Ends requests to issuers that are under way. */
  close(): void {
    for (const { keys } of this.#issuers.values()) keys.close();
    this.#cache.clear();
  }

  async #verify(token: string): Promise<UserPrincipal> {
    const digest = hash('sha256', token, 'base64');
    const cached = this.#cache.use(digest);
    const read = cached ?? this.#read(token);
    const key = await read.issuer.keys.find(read.keyId, read.algorithm);
    const verifiedAt = Date.now();
    // A clock that was set back makes it unknown what has expired.
    const isFresh = cached?.key === key && verifiedAt >= cached.verifiedAt && verifiedAt < cached.endsAt;
    if (isFresh) return cached.principal;
    const { settings } = read.issuer;
    const claims = verifyWith(token, key, read);
    const expiresAt = checkTokenClaims(claims, settings.audiences, verifiedAt / 1_000) * 1_000;
    const presented = { isAccessToken: settings.keySource.kind !== 'secret', expiresAt };
    const principal = toUserPrincipal(claims, { ...this.#options, ...settings }, presented);
    const endsAt = Math.min(verifiedAt + MAX_CACHED_MS, expiresAt);
    this.#cache.set(digest, { ...read, principal, key, verifiedAt, endsAt });
    return principal;
  }

  #read(text: string): ReadToken {
    const token = parseToken(text);
    const { issuer: name, keyId } = token;
    // By the exact `iss`; a token without one can only be our own, whatever key signed it.
    const issuer = this.#issuers.get(name === undefined ? OWN_ISSUER : name);
    if (issuer === undefined) throw new TokenRefusedError('wrong-issuer', 'unknown issuer');
    const { issuer: expected, algorithms } = issuer.settings;
    if (expected !== undefined && name !== expected) throw new TokenRefusedError('wrong-issuer', 'iss');
    const algorithm = algorithms.find((one) => one === token.algorithm);
    if (algorithm === undefined) throw new TokenRefusedError('not-valid', 'algorithm not accepted');
    return { issuer, algorithm, keyId };
  }
}

/** The claims of a token under the issuer's key, or the one before it. Throws `TokenRefusedError`. */
function verifyWith(token: string, { key }: TokenKey, { issuer: { previous }, algorithm }: ReadToken): JsonObject {
  try {
    return verifySignature(token, key, algorithm);
  } catch (error) {
    if (previous === undefined || !(error instanceof TokenRefusedError)) throw error;
    return verifySignature(token, previous.key, algorithm);
  }
}
