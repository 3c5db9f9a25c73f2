import { ForbiddenError, ServerUnavailableError, UnauthenticatedError } from '../errors.ts';
import type { ApiKeyRing, RingKey } from './api-key-ring.ts';
import type { IdentitySettings } from './auth-settings.ts';
import type { Persons } from './identity-evidence.ts';
import type { OpenWebUiIdentity } from './open-webui-identity.ts';
import { ANONYMOUS, type AuthRequest, type Principal, type UserPrincipal } from './principal.ts';
import { TokenRefusedError } from './token-refused-error.ts';
import type { TokenVerifier } from './token-verifier.ts';

/** `basic`: browsers can open a page under strict authentication; the password is the API key (RFC 7617). */
export type AcceptedScheme = 'bearer' | 'bearer-or-basic';

/** Characters; a longer key or token is refused before anything is computed from it. */
const MAX_CREDENTIAL_LENGTH = 16 * 1024;

/** Where users come from, API keys aside. */
export interface UserSources {
  /** Whether users present tokens of their own, so that an unknown credential may be a refused token. */
  readonly takesTokens: boolean;
  /** `undefined` when no issuer is configured. */
  readonly tokens: Pick<TokenVerifier, 'verify' | 'close'> | undefined;
  /** `undefined` when nothing of Open WebUI is believed. */
  readonly identity: OpenWebUiIdentity | undefined;
  /** When two identities are one person; `undefined`: never. */
  readonly linking?: IdentitySettings | undefined;
}

/** Finds out who calls. */
export class Authenticator {
  readonly #ring: ApiKeyRing;
  #sources: UserSources;
  #persons: Persons | undefined;

  constructor(ring: ApiKeyRing, sources: UserSources) {
    this.#ring = ring;
    this.#sources = sources;
  }

  /** From the next request on, users come from elsewhere. */
  use(sources: UserSources): void {
    this.#sources = sources;
  }

  /** From the next request on, callers whose identities are linked are the person that they are. */
  linkPersonsWith(persons: Persons): void {
    this.#persons = persons;
  }

  /** A caller as the person that they are; the caller themselves where nothing is linked. */
  async toPerson(principal: Principal): Promise<Principal> {
    const { linking } = this.#sources;
    if (linking === undefined || principal.kind !== 'user' || this.#persons === undefined) return principal;
    return this.#persons.personOf(principal, linking);
  }

  /** Whether callers have to present anything; `false` lets everybody in as anonymous. May become true, never false. */
  get isRequired(): boolean {
    return this.#sources.takesTokens || this.#ring.hasKeys;
  }

  /**
   * The user whose session token of Open WebUI this is; `undefined` if it is none. Rejects as `authenticate` does.
   */
  async openWebUiUser(token: string, address: string): Promise<UserPrincipal | undefined> {
    const user = await this.#sources.identity?.sessionUser(token, address);
    const person = user && (await this.toPerson(user));
    return person?.kind === 'user' ? person : undefined;
  }

  /**
   * The principal of a request. Rejects with `UnauthenticatedError` when nothing usable was presented or a token is
   * refused, `ForbiddenError` when an API key is wrong, and `ServerUnavailableError` when it cannot be decided now: in
   * doubt nobody is let in.
   */
  async authenticate(request: AuthRequest, accepted: AcceptedScheme, address = ''): Promise<Principal> {
    if (this.isRequired) {
      const credential = presentedCredential(request, accepted);
      if (credential.length > MAX_CREDENTIAL_LENGTH) throw this.#refusal(credential);
      const key = this.#ring.find(credential);
      if (key !== undefined) return this.toPerson(this.#principalOf(key, request));
      const user = await this.#fromToken(credential, address);
      if (user !== undefined) return this.toPerson(user);
      if (!this.#ring.isIncomplete) throw this.#refusal(credential);
    } else if (!this.#ring.isIncomplete) {
      return ANONYMOUS;
    }
    // What is asked for, and of whom, is not known before the database has said so.
    await this.#ring.whenRead();
    if (!this.#ring.isIncomplete) return this.authenticate(request, accepted, address);
    throw new ServerUnavailableError('The API keys cannot be read now; the log of the service says why.', 1);
  }

  #principalOf(key: RingKey, request: AuthRequest): Principal {
    this.#ring.noteUse(key);
    const { identity } = this.#sources;
    if (identity === undefined || key.principal.kind === 'user' || !key.assertsUser) return key.principal;
    const namesUser = identity.userHeaders.some((name) => request.headers[name] !== undefined);
    return namesUser ? identity.assertedUser(request, key) : key.principal;
  }

  async #fromToken(credential: string, address: string): Promise<Principal | undefined> {
    const user = await this.#sources.identity?.sessionUser(credential, address);
    if (user !== undefined) return user;
    return looksLikeToken(credential) ? this.#sources.tokens?.verify(credential) : undefined;
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

/**
 * The key or token of the `Authorization` header (RFC 6750, section 2.1; RFC 7617). Throws `UnauthenticatedError` when
 * there is none, or more than one header: a proxy in front may have looked at the other one.
 */
export function presentedCredential(request: AuthRequest, accepted: AcceptedScheme): string {
  const challenge = accepted === 'bearer' ? 'Bearer' : 'Basic realm="mcpo-ts", charset="UTF-8", Bearer';
  const [authorization = '', ...more] = authorizationHeaders(request);
  if (more.length > 0) {
    throw new UnauthenticatedError('More than one Authorization header was sent; send one.', challenge);
  }
  const [, scheme = '', credential] = /^(bearer|basic) \s*(\S.*)$/is.exec(authorization) ?? [];
  const isBearer = scheme.toLowerCase() === 'bearer';
  if (credential !== undefined && isBearer) return credential;
  const password = credential !== undefined && accepted === 'bearer-or-basic' ? basicPassword(credential) : '';
  if (password === '') throw new UnauthenticatedError('Missing or invalid Authorization header', challenge);
  return password;
}

/**
 * The caller's own access token, to be sent on where a server's settings ask for it; `undefined` unless the request was
 * made with one of an issuer whose keys are public. API keys, tokens that are signed with a secret, Open WebUI's
 * session tokens and identity headers are never given out.
 */
export function accessTokenOf(principal: Principal, request: AuthRequest): string | undefined {
  if (principal.kind !== 'user' || principal.token?.isAccessToken !== true) return undefined;
  const [authorization = '', ...more] = authorizationHeaders(request);
  return more.length > 0 ? undefined : /^bearer +([^\s,]+)$/i.exec(authorization)?.[1];
}

function authorizationHeaders({ rawHeaders }: AuthRequest): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === 13 && name.toLowerCase() === 'authorization') values.push((rawHeaders[index + 1] ?? '').trim());
  }
  return values;
}

/** What stands after the first colon; empty if there is none. */
function basicPassword(credential: string): string {
  const userAndPassword = Buffer.from(credential, 'base64').toString('utf8');
  const colon = userAndPassword.indexOf(':');
  return colon === -1 ? '' : userAndPassword.slice(colon + 1);
}
