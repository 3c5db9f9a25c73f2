import { BoundedMap } from '../bounded-map.ts';
import { ForbiddenError, type UnauthenticatedError } from '../errors.ts';
import type { RingKey } from './api-key-ring.ts';
import type { AuthSettings } from './auth-settings.ts';
import type { AuthRequest } from './credential.ts';
import { IdentityHeaders, type IdentityValues, namesUser } from './identity-headers.ts';
import { type OpenWebUiSession, OpenWebUiSessions } from './open-webui-sessions.ts';
import { createOpenWebUiTokenCheck, toOpenWebUiUser } from './open-webui-token.ts';
import type { UserPrincipal } from './principal.ts';
import { DEFAULT_USER_SCOPES, Scopes, withAddedScopes } from './scope.ts';
import { TokenRefusedError } from './token.ts';
import { OPEN_WEBUI_ISSUER, type UserProfile } from './user.ts';

/** What a user that a key speaks for may do, as far as the key may. Documents are as open to them as to the key. */
const ASSERTED_SCOPES = [...DEFAULT_USER_SCOPES, 'docs'];
/** Roles are names that others choose: no more sets of scopes than this are cached. */
const MAX_CACHED_SCOPES = 1_000;
/** Has signed up, and no admin of Open WebUI has approved them yet; they have a session token all the same. */
const PENDING_ROLE = 'pending';

type Settings = Pick<AuthSettings, 'openWebUi' | 'scopesByRole' | 'scopesByGroup'>;

/** Finds out for which of Open WebUI's users a request speaks. */
export class OpenWebUiIdentity {
  readonly #settings: Settings;
  readonly #headers: IdentityHeaders;
  readonly #readUser: UserReader | undefined;
  readonly #sessions: OpenWebUiSessions;
  readonly #scopes = new BoundedMap<string, Scopes>(MAX_CACHED_SCOPES);

  /** `now` returns milliseconds since the epoch. */
  constructor(settings: Settings, now: () => number = Date.now) {
    this.#settings = settings;
    this.#headers = new IdentityHeaders(settings.openWebUi.headers);
    this.#readUser = createUserReader(this.#headers, settings.openWebUi, now);
    this.#sessions = new OpenWebUiSessions(settings.openWebUi, now);
  }

  /**
   * The user that the headers of a request name; `undefined` when they name none or no header is believed here. Only
   * to be asked when the request came with a key that asserts users. Throws `UnauthenticatedError` for headers that
   * name a user in a way that cannot be believed, `ForbiddenError` for one that Open WebUI has not approved.
   */
  assertedUser(request: AuthRequest, key: RingKey): UserPrincipal | undefined {
    if (this.#readUser === undefined) return undefined;
    const values = this.#headers.read(request);
    if (!namesUser(values)) return undefined;
    const user = this.#readUser(values);
    return this.#toPrincipal(user, key, { chatId: this.#headers.optional(values, 'chatId') });
  }

  /**
   * The user whose own session token or `sk-` key of Open WebUI this is; `undefined` when it is neither. Those that
   * come from one `address` wait for each other where Open WebUI is asked about too many. Throws or rejects with
   * `UnauthenticatedError`, `ForbiddenError`, or `ServerUnavailableError` when Open WebUI does not answer.
   */
  sessionUser(credential: string, address: string): UserPrincipal | Promise<UserPrincipal> | undefined {
    const toUser = ({ user, expiresAt }: OpenWebUiSession) =>
      this.#toPrincipal(user, undefined, { token: { isAccessToken: false, expiresAt } });
    const session = this.#sessions.find(credential, address);
    return session instanceof Promise ? session.then(toUser) : session && toUser(session);
  }

  #toPrincipal(user: UserProfile, key: RingKey | undefined, more: Partial<UserPrincipal>): UserPrincipal {
    if (user.role?.trim().toLowerCase() === PENDING_ROLE) {
      throw new ForbiddenError('An admin of Open WebUI has yet to approve this user.');
    }
    return { kind: 'user', ...user, groups: [], scopes: this.#scopesOf(user.role, key), keyId: key?.id, ...more };
  }

  #scopesOf(role: string | undefined, key: RingKey | undefined): Scopes {
    const name = JSON.stringify([role, key?.scopes.texts]);
    const cached = this.#scopes.use(name);
    if (cached !== undefined) return cached;
    const base = key === undefined ? DEFAULT_USER_SCOPES : ASSERTED_SCOPES;
    const own = new Scopes(withAddedScopes(base, this.#settings, role, []));
    const scopes = key === undefined ? own : own.within(key.scopes);
    this.#scopes.set(name, scopes);
    return scopes;
  }
}

type UserReader = (values: IdentityValues) => UserProfile;

/** With a secret for user JWTs the plain headers are never read: every holder of the key could write them. */
function createUserReader(
  headers: IdentityHeaders,
  openWebUi: AuthSettings['openWebUi'],
  now: () => number,
): UserReader | undefined {
  if (openWebUi.userJwtSecret !== undefined) {
    const check = createOpenWebUiTokenCheck(openWebUi.userJwtSecret, { issuer: OPEN_WEBUI_ISSUER, audiences: [] });
    return (values) => {
      const token = values.get('userJwt');
      if (token === undefined) {
        throw headers.refusal(
          'userJwt',
          'is missing, and other headers are not believed here; set FORWARD_USER_INFO_HEADER_JWT_SECRET in Open WebUI',
        );
      }
      if (token === '') throw headers.refusal('userJwt', 'is empty, and other headers are not believed here');
      try {
        const { payload } = check(token, now());
        const user = toOpenWebUiUser(payload.sub, payload);
        if (user === undefined) throw new TokenRefusedError('not-valid', 'no usable subject');
        return user;
      } catch (error) {
        throw toHeaderRefusal(error, headers);
      }
    };
  }
  if (!openWebUi.trustUserHeaders) return undefined;
  return (values) => {
    if (values.has('userJwt') && !values.has('userId')) {
      throw headers.refusal('userJwt', 'cannot be checked; set MCPO_OPENWEBUI_USER_JWT_SECRET');
    }
    return {
      issuer: OPEN_WEBUI_ISSUER,
      subject: headers.required(values, 'userId'),
      email: headers.decoded(values, 'userEmail'),
      name: headers.decoded(values, 'userName'),
      role: headers.role(values),
    };
  };
}

function toHeaderRefusal(error: unknown, headers: IdentityHeaders): UnauthenticatedError {
  if (!(error instanceof TokenRefusedError)) throw error;
  const reason = error.message.replace(/\.$/, '');
  return headers.refusal('userJwt', `is refused: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`);
}
