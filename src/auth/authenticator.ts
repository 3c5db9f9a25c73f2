import { ForbiddenError, ServerUnavailableError } from '../errors.ts';
import type { ApiKeyRing, RingKey } from './api-key-ring.ts';
import type { AuthRequest } from './auth-request.ts';
import type { AuthSettings } from './auth-settings.ts';
import type { OpenWebUiIdentity } from './open-webui-identity.ts';
import { type AcceptedScheme, presentedCredential } from './presented-credential.ts';
import { ANONYMOUS, type Principal, type UserPrincipal } from './principal.ts';
import { TokenRefusedError } from './token-refusal.ts';

/** Characters; a longer key or token is refused before anything is computed from it. */
const MAX_CREDENTIAL_LENGTH = 16 * 1024;

/** Checks tokens of the configured issuers; throws or rejects with `UnauthenticatedError`. */
export interface TokenCheck {
  verify(token: string): UserPrincipal | Promise<UserPrincipal>;
}

/** Where users come from, API keys aside. */
export interface UserSources {
  readonly settings: Pick<AuthSettings, 'issuers' | 'openWebUi'>;
  /** `undefined` when no issuer is configured. */
  readonly tokens: TokenCheck | undefined;
  /** `undefined` when nothing of Open WebUI is believed. */
  readonly identity?: OpenWebUiIdentity | undefined;
}

export interface AuthenticatorOptions extends UserSources {
  readonly ring: ApiKeyRing;
}

/** Tells who calls. */
export interface Authenticator {
  /** Whether callers have to present anything; `false` lets everybody in as anonymous. May become true, never false. */
  readonly isRequired: boolean;
  /**
   * The principal of a request: at once for API keys and what is known already, else a promise. Throws or rejects with
   * `UnauthenticatedError` when nothing usable was presented or a token is refused, `ForbiddenError` when an API key is
   * wrong, and `ServerUnavailableError` when it cannot be told now: in doubt nobody is let in.
   */
  authenticate(request: AuthRequest, accepted: AcceptedScheme, address?: string): Principal | Promise<Principal>;
}

export interface ReplaceableAuthenticator extends Authenticator {
  /** From the next request on, users come from elsewhere. */
  use(sources: UserSources): void;
}

/** Makes the authentication of the service from its parts. */
export function createAuthenticator(options: AuthenticatorOptions): ReplaceableAuthenticator {
  return new RequestAuthenticator(options);
}

class RequestAuthenticator implements ReplaceableAuthenticator {
  readonly #ring: ApiKeyRing;
  #tokens: TokenCheck | undefined;
  #identity: OpenWebUiIdentity | undefined;
  /** Whether a refused token can be told from a wrong API key at all. */
  #takesTokens = false;

  constructor({ ring, ...sources }: AuthenticatorOptions) {
    this.#ring = ring;
    this.use(sources);
  }

  use({ settings, tokens, identity }: UserSources): void {
    const { secretKey, url } = settings.openWebUi;
    this.#tokens = tokens;
    this.#identity = identity;
    this.#takesTokens = settings.issuers.length > 0 || secretKey !== undefined || url !== undefined;
  }

  get isRequired(): boolean {
    return this.#takesTokens || this.#ring.hasKeys;
  }

  authenticate(request: AuthRequest, accepted: AcceptedScheme, address = ''): Principal | Promise<Principal> {
    // Whether any key is asked for is not known before the database has said so.
    if (!this.isRequired && this.#ring.isIncomplete) return this.#afterReading(request, accepted, address);
    if (!this.isRequired) return ANONYMOUS;
    const credential = presentedCredential(request, accepted);
    if (credential.length > MAX_CREDENTIAL_LENGTH) throw this.#refusal(credential);
    const key = this.#ring.find(credential);
    if (key !== undefined) return this.#principalOf(key, request);
    return this.#fromToken(credential, address) ?? this.#unknown(credential, request, accepted, address);
  }

  #principalOf(key: RingKey, request: AuthRequest): Principal {
    this.#ring.noteUse(key);
    if (key.principal.kind === 'user' || !key.assertsUser) return key.principal;
    return this.#identity?.assertedUser(request, key) ?? key.principal;
  }

  #fromToken(credential: string, address: string): Principal | Promise<Principal> | undefined {
    const user = this.#identity?.sessionUser(credential, address);
    if (user !== undefined) return user;
    return looksLikeToken(credential) ? this.#tokens?.verify(credential) : undefined;
  }

  #unknown(credential: string, request: AuthRequest, accepted: AcceptedScheme, address: string): Promise<Principal> {
    if (this.#ring.isIncomplete) return this.#afterReading(request, accepted, address);
    throw this.#refusal(credential);
  }

  /** Once more when the keys of the database are there. */
  async #afterReading(request: AuthRequest, accepted: AcceptedScheme, address: string): Promise<Principal> {
    await this.#ring.whenRead();
    if (!this.#ring.isIncomplete) return this.authenticate(request, accepted, address);
    throw new ServerUnavailableError('The API keys cannot be read now; the log of the service says why.', 1);
  }

  #refusal(credential: string): Error {
    const isToken = this.#takesTokens && (looksLikeToken(credential) || !this.#ring.hasKeys);
    return isToken ? new TokenRefusedError('not-valid', 'no token') : new ForbiddenError('Invalid API key');
  }
}

/** A token, or what is left of one: `eyJ` is how every JWT begins (`{"`). */
function looksLikeToken(credential: string): boolean {
  return credential.includes('.') || credential.startsWith('eyJ');
}
