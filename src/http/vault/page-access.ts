import type { IncomingMessage } from 'node:http';
import type { PageLogIn, PageSession, PageSessions } from '../../auth/page-sessions.ts';
import { toUserPrincipalId } from '../../auth/principal.ts';
import { Scopes } from '../../auth/scopes.ts';
import type { UserId, UserProfile } from '../../auth/user.ts';
import type { Settings } from '../../config/settings.ts';
import { ForbiddenError, NotFoundError } from '../../errors.ts';
import type { ListedPageSession, PageSessionRegister, ProviderSession } from '../../vault/page-session-store.ts';
import { toHandle } from '../../vault/page-session-store.ts';
import type { AuditTrail } from '../audit-trail.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { type IdentifyDependencies, isAuthenticationRequired } from '../guards/identify.ts';
import { assertOwnOrigin, type OwnHosts } from '../guards/own-hosts.ts';
import { toBrowserName } from '../pages/browser-name.ts';
import { type Exchange, noteFacts } from '../request-facts.ts';
import { createHostCookies, type HostCookies } from './host-cookies.ts';
import { isSameUser, keyIdOf, withRightsOf } from './key-sessions.ts';
import type { OpenWebUiCookie } from './open-webui-cookie.ts';

export type { PageSession } from '../../auth/page-sessions.ts';

export const NO_AUTHENTICATION =
  'Authentication is disabled, so user secrets are unavailable. The admin has to set MCPO_API_KEY or another way to identify callers.';

const COOKIE = 'mcpo-vault';

export interface PageAccessDependencies {
  readonly settings: Pick<Settings, 'publicUrl'>;
  readonly ownHosts: OwnHosts;
  readonly identity: IdentifyDependencies;
  readonly client: ClientAddress;
  readonly pageSessions: PageSessionRegister;
  readonly sessions: PageSessions;
  readonly openWebUi: Pick<OpenWebUiCookie, 'user'>;
  readonly audit: AuditTrail;
  /** Learns what people know a user by who logs in. */
  readonly noteProfile?: (user: UserProfile) => void;
  readonly now?: () => number;
}

/** What a session begins with, beside the log-in itself. */
export interface SessionStart {
  /** How the audit log names it. */
  readonly action: 'log_in' | 'open_link';
  readonly provider?: ProviderSession | undefined;
  /** Another id than a random one. */
  readonly id?: string;
}

/** A session in the list of its owner. */
export interface OwnPageSession extends ListedPageSession {
  /** That of the browser that asks. */
  readonly isThis: boolean;
}

/** Who is at the pages, by their cookie. The pages and the vault's API share it. */
export class PageAccess {
  readonly #dependencies: PageAccessDependencies;
  readonly #cookies: HostCookies;
  readonly #now: () => number;

  constructor(dependencies: PageAccessDependencies) {
    this.#dependencies = dependencies;
    this.#cookies = createHostCookies(dependencies.settings, dependencies.client);
    this.#now = dependencies.now ?? Date.now;
  }

  /** `false`: callers are not identified, so nobody can have secrets and nothing is open. */
  hasAuthentication(): boolean {
    return isAuthenticationRequired(this.#dependencies.identity);
  }

  /**
   * Who is logged in; `undefined` without a cookie, or where the session was ended, its user was erased, or the API key
   * that opened it is no longer valid. A key's rights are those that it has now. Rejects with `VaultUnavailableError`.
   */
  async session(request: IncomingMessage): Promise<PageSession | undefined> {
    const session = await this.#readSession(request);
    if (session !== undefined) noteVisitor(request, session);
    return session;
  }

  async #readSession(request: IncomingMessage): Promise<PageSession | undefined> {
    const { sessions, pageSessions, identity } = this.#dependencies;
    const value = this.#cookies.read(request, COOKIE);
    const found = value === undefined || !this.hasAuthentication() ? undefined : sessions.read(value);
    if (found === undefined || !(await pageSessions.isCurrent(found.id))) return undefined;
    if (found.way === 'open-webui') return this.#asOpenWebUiSays(request, found);
    if (found.keyId === undefined) return found;
    if (identity.ring.isIncomplete) await identity.ring.whenRead();
    return withRightsOf(identity.ring.findById(keyIdOf(found.keyId), this.#now()), found);
  }

  /** What a session's credential allows, which is what its owner may pass on to an API key. */
  scopesOf({ keyId, scopes, grants = scopes }: PageSession): Scopes {
    if (keyId === undefined) return new Scopes(grants);
    const key = this.#dependencies.identity.ring.findById(keyIdOf(keyId), this.#now());
    return key?.principal.scopes ?? new Scopes([]);
  }

  /** Ends with the session at Open WebUI, and when that becomes another user's; rights that are gone there are gone here. */
  async #asOpenWebUiSays(request: IncomingMessage, found: PageSession): Promise<PageSession | undefined> {
    const user = await this.#dependencies.openWebUi.user(request);
    if (user === undefined || !isSameUser(user, found.user)) return undefined;
    return { ...found, isAdmin: found.isAdmin && user.scopes.allows('admin') };
  }

  /** What forms carry as `form_token`. */
  formToken(session: PageSession): string {
    return this.#dependencies.sessions.formToken(session);
  }

  /**
   * To be called before anything is changed for a cookie: the request must come from a page of ours, and with a session
   * carry its form token, as `formToken` or in the header `X-Form-Token`. Throws `ForbiddenError`.
   */
  assertOwnForm(request: IncomingMessage, session: PageSession | undefined, formToken?: string | null): void {
    const { ownHosts, sessions } = this.#dependencies;
    assertOwnOrigin(request, ownHosts);
    if (session === undefined) return;
    const header = request.headers['x-form-token'];
    const token = formToken ?? (typeof header === 'string' ? header : undefined);
    if (token === undefined || !sessions.isFormToken(session, token)) {
      throw new ForbiddenError('This page is out of date, so nothing was changed. Reload it and try again.');
    }
  }

  /**
   * Opens a session and sets its cookie; the session that the browser had is no longer valid. To be called for what
   * `assertOwnForm` let through, or for what an OpenID provider answered to a log-in that this browser began.
   */
  async begin(exchange: Exchange, logIn: PageLogIn, { action, provider, id }: SessionStart): Promise<PageSession> {
    const { request, response } = exchange;
    const { pageSessions, sessions, audit } = this.#dependencies;
    const opened = sessions.open(logIn);
    const started = id === undefined ? opened : { ...opened, id };
    const { user, way, keyId, expiresAt } = started;
    const previous = await this.session(request);
    await pageSessions.begin({
      id: started.id,
      owner: user,
      way,
      keyId: keyId === undefined ? undefined : keyIdOf(keyId),
      browser: toBrowserName(request.headers['user-agent']),
      provider,
      expiresAt,
    });
    if (user !== undefined) this.#dependencies.noteProfile?.(user);
    if (previous !== undefined && previous.id !== started.id) await pageSessions.end(previous.id);
    const seconds = Math.max(1, Math.floor((expiresAt - this.#now()) / 1_000));
    this.#writeCookie(exchange, sessions.issue(started), seconds);
    noteVisitor(request, started);
    const actor = { request, response, id: toSessionId(started) };
    audit.record(actor, { eventType: 'log_in', action, resource: 'vault', result: 'success', details: { way } });
    return started;
  }

  /** Ends the session for every browser that has its cookie, and clears the cookie; `assertOwnForm` comes before it. */
  async logOut({ request, response }: Exchange): Promise<void> {
    const current = await this.session(request);
    if (current !== undefined) {
      await this.#dependencies.pageSessions.end(current.id);
      this.#record({ request, response }, current, 'log_out', 'log_out');
    }
    this.#writeCookie({ request, response }, '');
  }

  /** Where a user is logged in, the latest in use first. */
  async listOwn(session: PageSession): Promise<readonly OwnPageSession[]> {
    if (session.user === undefined) return [];
    const listed = await this.#dependencies.pageSessions.list(session.user);
    return listed.map((one) => ({ ...one, isThis: one.handle === toHandle(session.id) }));
  }

  /** Ends one of a user's own sessions; `assertOwnForm` comes before it. Rejects with `NotFoundError`. */
  async endOwn(exchange: Exchange, session: PageSession, handle: string): Promise<void> {
    const isEnded =
      session.user !== undefined && (await this.#dependencies.pageSessions.endListed(handle, session.user));
    if (!isEnded) throw new NotFoundError('This log-in has already ended.');
    this.#record(exchange, session, 'session_ended', 'end_one');
    if (handle === toHandle(session.id)) this.#writeCookie(exchange, '');
  }

  /** Logs a user out everywhere, here too; returns how many sessions ended. `assertOwnForm` comes before it. */
  async endAllOwn(exchange: Exchange, session: PageSession & { readonly user: UserId }): Promise<number> {
    const count = await this.#dependencies.pageSessions.endAllOf(session.user);
    this.#record(exchange, session, 'session_ended', 'end_all', { count });
    this.#writeCookie(exchange, '');
    return count;
  }

  #writeCookie({ request, response }: Exchange, value: string, maxAge = 0): void {
    this.#cookies.write(request, response, { name: COOKIE, value, maxAge, sameSite: 'strict' });
  }

  #record(
    { request, response }: Exchange,
    session: PageSession,
    eventType: 'log_out' | 'session_ended',
    action: string,
    details?: { readonly count: number },
  ): void {
    const actor = { request, response, id: toSessionId(session) };
    this.#dependencies.audit.record(actor, { eventType, action, resource: 'vault', result: 'success', details });
  }
}

function noteVisitor(request: IncomingMessage, { id, user, keyId }: PageSession): void {
  const session = toHandle(id);
  noteFacts(request, { visitor: { user, keyId: keyId === undefined ? undefined : keyIdOf(keyId), session } });
}

/** Names who is logged in as `toPrincipalId` names principals; in limits and in the audit log. */
export function toSessionId({ user, keyId }: Pick<PageSession, 'user' | 'keyId'>): string {
  return user === undefined ? `key:${keyIdOf(keyId ?? '')}` : toUserPrincipalId(user);
}
