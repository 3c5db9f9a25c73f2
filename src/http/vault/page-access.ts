import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ApiKeyRing } from '../../auth/api-key-ring.ts';
import { lacksScope } from '../../auth/authorize.ts';
import type { PageLogIn, PageSession, PageSessions } from '../../auth/page-sessions.ts';
import { type AuthRequest, type Principal, toUserPrincipalId } from '../../auth/principal.ts';
import type { UserId } from '../../auth/user.ts';
import type { Settings } from '../../config/settings.ts';
import { ForbiddenError, SetupLinkError, UnauthenticatedError } from '../../errors.ts';
import type { SetupLink, Vault } from '../../vault/vault.ts';
import type { AuditTrail, Exchange } from '../audit-trail.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { type IdentifyDependencies, identify, isAuthenticationRequired } from '../guards/identify.ts';
import { assertOwnOrigin, type OwnHosts } from '../guards/own-hosts.ts';
import { createPageCookie } from './page-cookie.ts';

export type { PageSession } from '../../auth/page-sessions.ts';

export const NO_AUTHENTICATION =
  'Authentication is disabled, so user secrets are unavailable. The admin has to set MCPO_API_KEY or another way to identify callers.';

/** What a setup link does in the browser that opened it. */
export type LinkVisit =
  /** It can be redeemed. */
  | { readonly kind: 'redeemable'; readonly link: SetupLink }
  /** Another user is logged in here and has to log out first. */
  | { readonly kind: 'other-user'; readonly link: SetupLink; readonly session: PageSession }
  /** The link's user is logged in here, by this link or by a log-in that allows as much. */
  | { readonly kind: 'entered'; readonly session: PageSession };

export interface PageAccessDependencies {
  readonly settings: Pick<Settings, 'publicUrl'>;
  readonly ownHosts: OwnHosts;
  readonly identity: IdentifyDependencies;
  readonly client: ClientAddress;
  readonly vault: Pick<Vault, 'readLink' | 'redeemLink' | 'beginSession' | 'hasSession' | 'endSession'>;
  readonly sessions: PageSessions;
  readonly audit: AuditTrail | undefined;
  readonly now?: () => number;
}

/** Who is at the pages: by cookie, setup link or log-in. The pages and the vault's API share it. */
export class PageAccess {
  readonly #dependencies: PageAccessDependencies;
  readonly #cookie: ReturnType<typeof createPageCookie>;
  readonly #now: () => number;

  constructor(dependencies: PageAccessDependencies) {
    this.#dependencies = dependencies;
    this.#cookie = createPageCookie(dependencies.settings, dependencies.client);
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
    const { sessions, vault, identity } = this.#dependencies;
    const value = this.#cookie.read(request);
    const found = value === undefined || !this.hasAuthentication() ? undefined : sessions.read(value);
    if (found === undefined || !(await vault.hasSession(found.id))) return undefined;
    if (found.keyId === undefined) return found;
    if (identity.ring.isIncomplete) await identity.ring.whenRead();
    return withRightsOf(identity.ring.findById(keyIdOf(found.keyId), this.#now()), found);
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
   * Says what a setup link would do here, and changes nothing: previews and repeated requests use nothing up. Rejects
   * with `SetupLinkError`, `RateLimitedError`, `VaultUnavailableError`.
   */
  async readLink(exchange: Exchange, token: string): Promise<LinkVisit> {
    const current = await this.session(exchange.request);
    if (current?.id === toLinkSessionId(token)) return { kind: 'entered', session: current };
    const link = await this.#tryLink(exchange, token, 'readLink');
    if (current === undefined) return { kind: 'redeemable', link };
    if (!isSameUser(current.user, link.owner)) return { kind: 'other-user', link, session: current };
    return current.server === undefined ? { kind: 'entered', session: current } : { kind: 'redeemable', link };
  }

  /**
   * Uses a setup link up and sets the cookie of a session of its user and server, unless another user is logged in here;
   * `assertOwnForm` comes before it. Rejects as `readLink` does.
   */
  async redeemLink(exchange: Exchange, token: string): Promise<LinkVisit> {
    const visit = await this.readLink(exchange, token);
    if (visit.kind !== 'redeemable') return visit;
    const { owner, server, profile } = await this.#tryLink(exchange, token, 'redeemLink');
    const { issuer, subject } = owner;
    const user = { issuer, subject, name: profile.name, email: profile.email, groups: [] };
    const logIn = { user, isAdmin: false, scopes: [`call:${server}`], server, keyId: undefined };
    const session = { ...this.#dependencies.sessions.open(logIn), id: toLinkSessionId(token) };
    await this.#begin(exchange, 'open_link', session);
    return { kind: 'entered', session };
  }

  /**
   * Checks an API key or token and sets the cookie of its user, its admin or both. Rejects with `ForbiddenError` for a
   * wrong key, one that belongs to no person, and a form of another site; `UnauthenticatedError`, `RateLimitedError`,
   * `ServerUnavailableError`.
   */
  async logIn(exchange: Exchange, credential: string | null): Promise<PageSession> {
    const { ownHosts, client, identity, sessions, audit } = this.#dependencies;
    const { request, response } = exchange;
    assertOwnOrigin(request, ownHosts);
    const text = credential?.trim() ?? '';
    if (text === '') throw new UnauthenticatedError('Enter your API key or token, then log in.', 'Bearer');
    try {
      const address = client.addressOf(request);
      const principal = await identify(presenting(text), response, { address, accepted: 'bearer' }, identity);
      const logIn = toLogIn(principal);
      const key = logIn.keyId === undefined ? undefined : identity.ring.findById(logIn.keyId, this.#now());
      if (key === undefined && logIn.keyId !== undefined) throw new ForbiddenError('Invalid API key');
      const session = sessions.open({ ...logIn, keyId: key && toBoundKey(key.id, key.fingerprint) });
      await this.#begin(exchange, 'log_in', session);
      return session;
    } catch (error) {
      audit?.logInFailed(exchange, 'log_in', error);
      throw error;
    }
  }

  /** Ends the session for every browser that has its cookie, and clears the cookie; `assertOwnForm` comes before it. */
  async logOut({ request, response }: Exchange): Promise<void> {
    const current = await this.session(request);
    if (current !== undefined) await this.#dependencies.vault.endSession(current.id);
    this.#cookie.write(request, response, '', 0);
  }

  /** Replaces the session that the browser has, which is then no longer valid. */
  async #begin(exchange: Exchange, action: 'log_in' | 'open_link', started: PageSession): Promise<void> {
    const { request, response } = exchange;
    const { vault, sessions, audit } = this.#dependencies;
    const previous = await this.session(request);
    await vault.beginSession(started.id, started.user, started.expiresAt);
    if (previous !== undefined && previous.id !== started.id) await vault.endSession(previous.id);
    const seconds = Math.max(1, Math.floor((started.expiresAt - this.#now()) / 1_000));
    this.#cookie.write(request, response, sessions.issue(started), seconds);
    const actor = { request, response, id: toSessionId(started) };
    audit?.record(actor, { eventType: 'log_in', action, resource: 'vault', result: 'success' });
  }

  /** Reads or redeems a link; one that does not work counts as a failed log-in. */
  async #tryLink(exchange: Exchange, token: string, use: 'readLink' | 'redeemLink'): Promise<SetupLink> {
    const { request, response } = exchange;
    const { client, identity, vault, audit } = this.#dependencies;
    const address = client.addressOf(request);
    const attempt = await identity.limits.begin({ address, credential: `setup link ${token}` }, response);
    try {
      const link = await vault[use](token);
      attempt.succeeded();
      return link;
    } catch (error) {
      if (error instanceof SetupLinkError) attempt.failed();
      audit?.logInFailed(exchange, 'open_link', error);
      throw error;
    }
  }
}

/** Names who is logged in as `toPrincipalId` names principals; in limits and in the audit log. */
export function toSessionId({ user, keyId }: Pick<PageSession, 'user' | 'keyId'>): string {
  return user === undefined ? `key:${keyIdOf(keyId ?? '')}` : toUserPrincipalId(user);
}

/** A session's `keyId`: the key's id with what distinguishes it from a later key of the same id. */
function toBoundKey(keyId: string, fingerprint: string): string {
  return `${keyId}#${fingerprint}`;
}

function keyIdOf(boundKey: string): string {
  return boundKey.slice(0, Math.max(0, boundKey.lastIndexOf('#')));
}

/**
 * A request that presents the typed credential and nothing else: the browser's own headers must not say for which user
 * the key speaks.
 */
function presenting(credential: string): AuthRequest {
  const authorization = `Bearer ${credential}`;
  return { headers: { authorization }, rawHeaders: ['Authorization', authorization] };
}

/**
 * A session as its API key is now: none if the key is gone, was replaced, or belongs to another user; without rights
 * that the key has lost.
 */
function withRightsOf(key: ReturnType<ApiKeyRing['findById']>, found: PageSession): PageSession | undefined {
  if (key === undefined || found.keyId !== toBoundKey(key.id, key.fingerprint)) return undefined;
  const owner = key.principal.kind === 'user' ? key.principal : undefined;
  if (!isSameUser(found.user, owner)) return undefined;
  const isAdmin = found.isAdmin && key.principal.scopes.allows('admin');
  const isOwner = owner?.scopes.allowsAnyOwnValues ?? false;
  if (!isAdmin && !isOwner) return undefined;
  return { ...found, isAdmin, scopes: owner?.scopes.ownValueScopes ?? [] };
}

function isSameUser(user: UserId | undefined, other: UserId | undefined): boolean {
  return user?.issuer === other?.issuer && user?.subject === other?.subject;
}

/** Follows from the link's token, so that the session that it opened can open it again; not from what the vault stores. */
function toLinkSessionId(token: string): string {
  return createHash('sha256').update(`session of setup link ${token}`).digest('base64url');
}

/** Throws `ForbiddenError` for a principal who is neither a person with values of their own nor an admin. */
function toLogIn(principal: Principal): PageLogIn {
  const isAdmin = principal.scopes.allows('admin');
  switch (principal.kind) {
    case 'anonymous':
      throw new ForbiddenError(NO_AUTHENTICATION);
    case 'api-key':
      if (isAdmin) return { user: undefined, isAdmin, scopes: [], server: undefined, keyId: principal.keyId };
      throw new ForbiddenError(
        'This API key belongs to a program, not to a person, so it cannot log in. Ask your admin for a personal key, made with "mcpo-ts key create --user".',
      );
    case 'user': {
      const { issuer, subject, email, name, role, groups, scopes, keyId, token } = principal;
      if (!isAdmin && !scopes.allowsAnyOwnValues) throw lacksScope('vault');
      const user = { issuer, subject, email, name, role, groups };
      const credentialExpiresAt = token?.expiresAt;
      return { user, isAdmin, scopes: scopes.ownValueScopes, server: undefined, keyId, credentialExpiresAt };
    }
  }
}
