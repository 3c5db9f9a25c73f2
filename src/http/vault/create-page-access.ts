import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ApiKeyRing } from '../../auth/api-key-ring.ts';
import { lacksScope } from '../../auth/authorize.ts';
import type { PageLogIn, PageSession, PageSessions } from '../../auth/page-sessions.ts';
import type { Principal } from '../../auth/principal.ts';
import type { UserId } from '../../auth/user.ts';
import type { Settings } from '../../config/settings.ts';
import { ForbiddenError, SetupLinkError, UnauthenticatedError } from '../../errors.ts';
import type { SetupLink, Vault } from '../../vault/vault.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { type IdentifyDependencies, identify, type Presented } from '../guards/identify.ts';
import { assertOwnOrigin, type OwnHosts } from '../guards/own-hosts.ts';
import type { PageAccess } from './page-access.ts';
import { createPageCookie } from './page-cookie.ts';
import { keyIdOf, toBoundKey, toSessionId } from './session-id.ts';
import type { Actor, LogInAction, VaultAudit } from './vault-audit.ts';

/** Why nothing of the vault is open where callers are not known. */
export const NOBODY_IS_KNOWN =
  'The service asks nobody who he is, so it keeps no secrets of users: the admin has to set MCPO_API_KEY, or another way to know callers, first.';

export interface PageAccessDependencies {
  readonly settings: Pick<Settings, 'publicUrl'>;
  readonly ownHosts: OwnHosts;
  readonly identity: IdentifyDependencies;
  readonly client: ClientAddress;
  readonly vault: Pick<Vault, 'readLink' | 'redeemLink' | 'beginSession' | 'hasSession' | 'endSession'>;
  readonly sessions: PageSessions;
  readonly audit: VaultAudit;
  readonly now?: () => number;
}

/** Makes the access to the pages from its parts. */
export function createPageAccess(dependencies: PageAccessDependencies): PageAccess {
  const { settings, ownHosts, identity, client, vault, sessions, audit, now = Date.now } = dependencies;
  const { authenticator, ring, limits } = identity;
  const cookie = createPageCookie(settings, client);
  const hasAuthentication = () => authenticator.isRequired || ring.isIncomplete;

  const session = async (request: IncomingMessage): Promise<PageSession | undefined> => {
    const value = cookie.read(request);
    const found = value === undefined || !hasAuthentication() ? undefined : sessions.read(value);
    if (found === undefined || !(await vault.hasSession(found.id))) return undefined;
    if (found.keyId === undefined) return found;
    if (ring.isIncomplete) await ring.whenRead();
    return withRightsOf(ring.findById(keyIdOf(found.keyId), now()), found);
  };

  /** Replaces the session that the browser has, which counts no longer then. */
  const begin = async (
    actor: Actor,
    action: LogInAction,
    started: PageSession,
    previous: PageSession | undefined,
  ): Promise<PageSession> => {
    await vault.beginSession(started.id, started.user, started.expiresAt);
    if (previous !== undefined && previous.id !== started.id) await vault.endSession(previous.id);
    const seconds = Math.max(1, Math.floor((started.expiresAt - now()) / 1_000));
    cookie.set(actor.request, actor.response, sessions.issue(started), seconds);
    audit.loggedIn({ ...actor, id: toSessionId(started) }, action);
    return started;
  };

  /** Reads or redeems a link; one that does not work counts as a failed log-in. */
  const tryLink = async (
    request: IncomingMessage,
    response: ServerResponse,
    token: string,
    use: () => Promise<SetupLink>,
  ): Promise<SetupLink> => {
    const address = client.addressOf(request);
    const attempt = await limits.begin({ address, credential: `setup link ${token}` }, response);
    try {
      const link = await use();
      attempt.succeeded();
      return link;
    } catch (error) {
      if (error instanceof SetupLinkError) {
        attempt.failed();
        audit.logInFailed({ id: undefined, request, response }, 'open_link', error);
      }
      throw error;
    }
  };

  const readLink: PageAccess['readLink'] = async (request, response, token) => {
    const current = await session(request);
    if (current?.id === toLinkSessionId(token)) return { kind: 'entered', session: current };
    const link = await tryLink(request, response, token, () => vault.readLink(token));
    if (current === undefined) return { kind: 'redeemable', link };
    if (!isUser(current.user, link.owner)) return { kind: 'other-user', link, session: current };
    return current.server === undefined ? { kind: 'entered', session: current } : { kind: 'redeemable', link };
  };

  return {
    hasAuthentication,
    session,
    formToken: (started) => sessions.formToken(started),
    assertOwnForm: (request, started, formToken) => {
      assertOwnOrigin(request, ownHosts);
      if (started === undefined) return;
      const header = request.headers['x-form-token'];
      const token = formToken ?? (typeof header === 'string' ? header : undefined);
      if (token === undefined || !sessions.isFormToken(started, token)) {
        throw new ForbiddenError('The page is too old, so nothing was changed: load it again and do it once more.');
      }
    },
    readLink,
    redeemLink: async (request, response, token) => {
      const visit = await readLink(request, response, token);
      if (visit.kind !== 'redeemable') return visit;
      const { owner, server, profile } = await tryLink(request, response, token, () => vault.redeemLink(token));
      const { issuer, subject } = owner;
      const user = { issuer, subject, name: profile.name, email: profile.email, groups: [] };
      const opened = sessions.open({ user, isAdmin: false, scopes: [`call:${server}`], server, keyId: undefined });
      const started = { ...opened, id: toLinkSessionId(token) };
      const actor = { id: undefined, request, response };
      return { kind: 'entered', session: await begin(actor, 'open_link', started, await session(request)) };
    },
    logIn: async (request, response, credential) => {
      assertOwnOrigin(request, ownHosts);
      const text = credential?.trim() ?? '';
      if (text === '') throw new UnauthenticatedError('Type your API key or your token, then log in.', 'Bearer');
      const actor = { id: undefined, request, response };
      const address = client.addressOf(request);
      try {
        const principal = await identify(presenting(text), response, { address, accepted: 'bearer' }, identity);
        const logIn = toLogIn(principal);
        const key = logIn.keyId === undefined ? undefined : ring.findById(logIn.keyId, now());
        if (key === undefined && logIn.keyId !== undefined) throw new ForbiddenError('Invalid API key');
        const keyId = key && toBoundKey(key.id, key.fingerprint);
        return await begin(actor, 'log_in', sessions.open({ ...logIn, keyId }), await session(request));
      } catch (error) {
        if (error instanceof UnauthenticatedError || error instanceof ForbiddenError) {
          audit.logInFailed(actor, 'log_in', error);
        }
        throw error;
      }
    },
    logOut: async (request, response) => {
      const current = await session(request);
      if (current !== undefined) await vault.endSession(current.id);
      cookie.clear(request, response);
    },
  };
}

/**
 * A request that presents what was typed and nothing else: the browser's own headers must not say for which user the
 * key speaks.
 */
function presenting(credential: string): Presented {
  const authorization = `Bearer ${credential}`;
  return { headers: { authorization }, rawHeaders: ['Authorization', authorization] };
}

/**
 * A session as its API key is now: none if the key is gone, was replaced, or belongs to somebody else; without rights
 * that the key has lost.
 */
function withRightsOf(key: ReturnType<ApiKeyRing['findById']>, found: PageSession): PageSession | undefined {
  if (key === undefined || found.keyId !== toBoundKey(key.id, key.fingerprint)) return undefined;
  const owner = key.principal.kind === 'user' ? key.principal : undefined;
  if (!isUser(found.user, owner)) return undefined;
  const isAdmin = found.isAdmin && key.principal.scopes.allows('admin');
  const isOwner = owner?.scopes.allowsAnyOwnValues ?? false;
  if (!isAdmin && !isOwner) return undefined;
  return { ...found, isAdmin, scopes: owner?.scopes.ownValueScopes ?? [] };
}

function isUser(user: UserId | undefined, other: UserId | undefined): boolean {
  return user?.issuer === other?.issuer && user?.subject === other?.subject;
}

/** Follows from the link's token, so that the session that it opened can open it again; not from what the vault keeps. */
function toLinkSessionId(token: string): string {
  return createHash('sha256').update(`session of setup link ${token}`).digest('base64url');
}

/** Throws `ForbiddenError` for a principal who is neither a person with values of their own nor an admin. */
function toLogIn(principal: Principal): PageLogIn {
  switch (principal.kind) {
    case 'anonymous':
      throw new ForbiddenError(NOBODY_IS_KNOWN);
    case 'api-key':
      if (principal.scopes.allows('admin')) {
        return { user: undefined, isAdmin: true, scopes: [], server: undefined, keyId: principal.keyId };
      }
      throw new ForbiddenError(
        'This API key belongs to a program and not to a person, so it cannot log in: ask your admin for a personal one, made with "mcpo-ts key create --user".',
      );
    case 'user': {
      const { issuer, subject, email, name, role, groups, scopes, keyId, token } = principal;
      const isAdmin = scopes.allows('admin');
      if (!isAdmin && !scopes.allowsAnyOwnValues) throw lacksScope('vault');
      return {
        user: { issuer, subject, email, name, role, groups },
        isAdmin,
        scopes: scopes.ownValueScopes,
        server: undefined,
        keyId,
        credentialExpiresAt: token?.expiresAt,
      };
    }
  }
}
