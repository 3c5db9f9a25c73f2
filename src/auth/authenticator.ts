import { ForbiddenError, ServerUnavailableError } from '../errors.ts';
import type { ApiKeyRing, RingKey } from './api-key-ring.ts';
import { type AcceptedScheme, type AuthRequest, presentedCredential } from './credential.ts';
import type { OpenWebUiIdentity } from './open-webui-identity.ts';
import { ANONYMOUS, type Principal, type UserPrincipal } from './principal.ts';
import { TokenRefusedError } from './token.ts';

/** Characters; a longer key or token is refused before anything is computed from it. */
const MAX_CREDENTIAL_LENGTH = 16 * 1024;

/** Checks tokens of the configured issuers; throws or rejects with `UnauthenticatedError`. */
export interface TokenCheck {
  verify(token: string): UserPrincipal | Promise<UserPrincipal>;
}

/** Where users come from, API keys aside. */
export interface UserSources {
  /** Whether users present tokens of their own, so that an unknown credential may be a refused token. */
  readonly takesTokens: boolean;
  /** `undefined` when no issuer is configured. */
  readonly tokens: TokenCheck | undefined;
  /** `undefined` when nothing of Open WebUI is believed. */
  readonly identity: OpenWebUiIdentity | undefined;
}

/** Finds out who calls. */
export class Authenticator {
  readonly #ring: ApiKeyRing;
  #sources: UserSources;

  constructor(ring: ApiKeyRing, sources: UserSources) {
    this.#ring = ring;
    this.#sources = sources;
  }

  /** From the next request on, users come from elsewhere. */
  use(sources: UserSources): void {
    this.#sources = sources;
  }

  /** Whether callers have to present anything; `false` lets everybody in as anonymous. May become true, never false. */
  get isRequired(): boolean {
    return this.#sources.takesTokens || this.#ring.hasKeys;
  }

  /**
   * The principal of a request: at once for API keys and what is known already, else a promise. Throws or rejects with
   * `UnauthenticatedError` when nothing usable was presented or a token is refused, `ForbiddenError` when an API key is
   * wrong, and `ServerUnavailableError` when it cannot be decided now: in doubt nobody is let in.
   */
  authenticate(request: AuthRequest, accepted: AcceptedScheme, address = ''): Principal | Promise<Principal> {
    // Whether any key is asked for is not known before the database has said so.
    if (!this.isRequired && this.#ring.isIncomplete) return this.#afterReading(request, accepted, address);
    if (!this.isRequired) return ANONYMOUS;
    const credential = presentedCredential(request, accepted);
    if (credential.length > MAX_CREDENTIAL_LENGTH) throw this.#refusal(credential);
    const key = this.#ring.find(credential);
    if (key !== undefined) return this.#principalOf(key, request);
    const user = this.#fromToken(credential, address);
    if (user !== undefined) return user;
    if (this.#ring.isIncomplete) return this.#afterReading(request, accepted, address);
    throw this.#refusal(credential);
  }

  #principalOf(key: RingKey, request: AuthRequest): Principal {
    this.#ring.noteUse(key);
    if (key.principal.kind === 'user' || !key.assertsUser) return key.principal;
    return this.#sources.identity?.assertedUser(request, key) ?? key.principal;
  }

  #fromToken(credential: string, address: string): Principal | Promise<Principal> | undefined {
    const user = this.#sources.identity?.sessionUser(credential, address);
    if (user !== undefined) return user;
    return looksLikeToken(credential) ? this.#sources.tokens?.verify(credential) : undefined;
  }

  /** Once more when the keys of the database are there. */
  async #afterReading(request: AuthRequest, accepted: AcceptedScheme, address: string): Promise<Principal> {
    await this.#ring.whenRead();
    if (!this.#ring.isIncomplete) return this.authenticate(request, accepted, address);
    throw new ServerUnavailableError('The API keys cannot be read now; the log of the service says why.', 1);
  }

  #refusal(credential: string): Error {
    const isToken = this.#sources.takesTokens && (looksLikeToken(credential) || !this.#ring.hasKeys);
    return isToken ? new TokenRefusedError('not-valid', 'no token') : new ForbiddenError('Invalid API key');
  }
}

/** A token, or what is left of one: `eyJ` is how every JWT begins (`{"`). */
function looksLikeToken(credential: string): boolean {
  return credential.includes('.') || credential.startsWith('eyJ');
}
