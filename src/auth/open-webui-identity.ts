import { BoundedMap } from '../bounded-map.ts';
import { ForbiddenError } from '../errors.ts';
import type { RingKey } from './api-key-ring.ts';
import type { AuthSettings } from './auth-settings.ts';
import { CLOCK_SKEW_SECONDS } from './claims.ts';
import { IdentityHeaders } from './identity-headers.ts';
import { type JsonObject, parseJsonObject } from './json-body.ts';
import { OpenWebUiDirectory } from './open-webui-directory.ts';
import { createOpenWebUiTokenCheck, type OpenWebUiTokenCheck, toOpenWebUiUser } from './open-webui-token.ts';
import type { AuthRequest, UserPrincipal } from './principal.ts';
import { DEFAULT_USER_SCOPES, withAddedScopes } from './scope.ts';
import { Scopes } from './scopes.ts';
import { TokenRefusedError } from './token-refused-error.ts';
import type { UserProfile } from './user.ts';

/** What a user that a key speaks for may do, as far as the key may. Documents are as open to them as to the key. */
const ASSERTED_SCOPES = [...DEFAULT_USER_SCOPES, 'docs'];
/** Roles are names that others choose: no more sets of scopes than this are cached. */
const MAX_CACHED_SCOPES = 1_000;
/** Has signed up, and no admin of Open WebUI has approved them yet; they have a session token all the same. */
const PENDING_ROLE = 'pending';
/** What Open WebUI's own API keys look like; nothing else is sent there. */
const OPEN_WEBUI_KEY = /^sk-[\w-]{8,256}$/;

type Settings = Pick<AuthSettings, 'openWebUi' | 'scopesByRole' | 'scopesByGroup'>;

/** Finds out for which of Open WebUI's users a request speaks. */
export class OpenWebUiIdentity {
  /** Lower-case names of the headers that name a user to `assertedUser`; none if no header is believed. */
  readonly userHeaders: readonly string[];
  readonly #settings: Settings;
  readonly #headers: IdentityHeaders;
  readonly #check: OpenWebUiTokenCheck | undefined;
  readonly #directory: OpenWebUiDirectory | undefined;
  readonly #scopes = new BoundedMap<string, Scopes>(MAX_CACHED_SCOPES);

  constructor(settings: Settings) {
    const { secretKey, url } = settings.openWebUi;
    this.#settings = settings;
    this.#headers = new IdentityHeaders(settings.openWebUi);
    this.userHeaders = this.#headers.userHeaders;
    this.#check = secretKey === undefined ? undefined : createOpenWebUiTokenCheck(secretKey);
    const { asksForGroups } = settings.openWebUi;
    this.#directory = url === undefined ? undefined : new OpenWebUiDirectory(url, { asksForGroups });
  }

  /**
   * The user that one or more of `userHeaders` name. Only to be asked when the request came with a key that asserts
   * users. Throws `UnauthenticatedError` for headers that cannot be believed, `ForbiddenError` for a user that Open
   * WebUI has not approved.
   */
  assertedUser(request: AuthRequest, key: RingKey): UserPrincipal {
    const { user, ...message } = this.#headers.read(request);
    return this.#toPrincipal(user, key, message);
  }

  /**
   * The user whose own session token or `sk-` key of Open WebUI this is (auth type `session`); `undefined` when it is
   * neither. With Open WebUI's secret a session token is verified here, with its URL it is asked; with both it is asked
   * only about what is verified. Those that come from one `address` wait for each other where it is asked about too
   * many. Rejects with `UnauthenticatedError`, `ForbiddenError`, or `ServerUnavailableError` if it does not answer.
   */
  async sessionUser(credential: string, address: string): Promise<UserPrincipal | undefined> {
    if (this.#directory !== undefined && OPEN_WEBUI_KEY.test(credential)) {
      const presented = { credential, expiresAt: Number.POSITIVE_INFINITY, isGenuine: false, address };
      const user = await this.#directory.userOf(presented);
      if (user === undefined) throw new ForbiddenError('Invalid API key');
      return this.#toPrincipal(user, undefined, { token: { isAccessToken: false, expiresAt: undefined } });
    }
    if (this.#check === undefined && this.#directory === undefined) return undefined;
    const claims = sessionClaims(credential);
    return claims === undefined ? undefined : this.#tokenUser(credential, claims, address);
  }

  async #tokenUser(credential: string, unverified: JsonObject, address: string): Promise<UserPrincipal> {
    const verified = this.#check?.(credential);
    const claims = verified?.payload ?? unverified;
    const expiresAt = Number(verified?.expiresAt ?? claims.exp ?? Number.POSITIVE_INFINITY) * 1_000;
    if (Date.now() >= expiresAt + CLOCK_SKEW_SECONDS * 1_000) throw new TokenRefusedError('expired', 'exp');
    const presented = { credential, expiresAt, isGenuine: verified !== undefined, address };
    const user =
      this.#directory === undefined ? toOpenWebUiUser(claims.id, claims) : await this.#directory.userOf(presented);
    if (user === undefined) throw new TokenRefusedError('not-valid', 'Open WebUI knows no user by it');
    const token = { isAccessToken: false, expiresAt: Number.isFinite(expiresAt) ? expiresAt : undefined };
    return this.#toPrincipal(user, undefined, { token });
  }

  #toPrincipal(user: UserProfile, key: RingKey | undefined, more: Partial<UserPrincipal>): UserPrincipal {
    if (user.role?.trim().toLowerCase() === PENDING_ROLE) {
      throw new ForbiddenError('An admin of Open WebUI has yet to approve this user.');
    }
    const { role, groups = [] } = user;
    const scopes = this.#scopesOf(role, groups, key);
    const vouched = user.email === undefined ? {} : { isEmailVerified: true };
    return { kind: 'user', ...user, groups, ...vouched, scopes, keyId: key?.id, ...more };
  }

  #scopesOf(role: string | undefined, groups: readonly string[], key: RingKey | undefined): Scopes {
    const { scopesByGroup } = this.#settings;
    const granting = scopesByGroup.size === 0 ? [] : groups.filter((group) => scopesByGroup.has(group));
    const name = JSON.stringify([role, granting, key?.principal.scopes.texts]);
    const cached = this.#scopes.use(name);
    if (cached !== undefined) return cached;
    const base = key === undefined ? DEFAULT_USER_SCOPES : ASSERTED_SCOPES;
    const scopes = new Scopes(withAddedScopes(base, this.#settings, role, granting), key?.principal.scopes);
    this.#scopes.set(name, scopes);
    return scopes;
  }
}

/**
 * The unverified claims of what looks like a session token of Open WebUI: it names its user `id`, and has neither
 * issuer nor subject. A token of another issuer is not sent to Open WebUI.
 */
function sessionClaims(token: string): JsonObject | undefined {
  const [, payload, , ...more] = token.split('.', 4);
  if (payload === undefined || more.length > 0 || !/^[\w.-]+$/.test(token)) return undefined;
  const claims = parseJsonObject(Buffer.from(payload, 'base64url').toString('utf8'));
  if (claims === undefined || !Object.hasOwn(claims, 'id')) return undefined;
  return Object.hasOwn(claims, 'iss') || Object.hasOwn(claims, 'sub') ? undefined : claims;
}
