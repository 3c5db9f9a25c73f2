import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { PageLogIn, PageSession, PageSessions } from '../../auth/page-sessions.ts';
import type { Principal } from '../../auth/principal.ts';
import type { Settings } from '../../config/settings.ts';
import { ForbiddenError, SetupLinkError, UnauthenticatedError } from '../../errors.ts';
import type { Vault } from '../../vault/vault.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { type IdentifyDependencies, identify, type Presented } from '../guards/identify.ts';
import { assertOwnOrigin } from './own-origin.ts';
import type { PageAccess } from './page-access.ts';
import { createPageCookie } from './page-cookie.ts';
import { keyIdOf, toBoundKey, toSessionId } from './session-id.ts';
import type { Actor, LogInAction, VaultAudit } from './vault-audit.ts';

/** Why nothing of the vault is open where callers are not known. */
export const NOBODY_IS_KNOWN =
  'The service asks nobody who he is, so it keeps no secrets of users: the admin has to set MCPO_API_KEY, or another way to know callers, first.';

export interface PageAccessDependencies {
  readonly settings: Pick<Settings, 'publicUrl'>;
  readonly identity: IdentifyDependencies;
  readonly client: ClientAddress;
  readonly vault: Pick<Vault, 'redeemLink'>;
  readonly sessions: PageSessions;
  /** Tells the API key of an id from the one that takes its place; `undefined` when no such key counts now. */
  readonly fingerprintOf: (keyId: string) => string | undefined;
  readonly audit: VaultAudit;
  readonly now?: () => number;
}

/** Makes the access to the pages from its parts. */
export function createPageAccess(dependencies: PageAccessDependencies): PageAccess {
  const { settings, identity, client, vault, sessions, fingerprintOf, audit, now = Date.now } = dependencies;
  const { authenticator, ring, limits } = identity;
  const cookie = createPageCookie(settings, client);
  const hasAuthentication = () => authenticator.isRequired || ring.isIncomplete;

  const session = async (request: IncomingMessage): Promise<PageSession | undefined> => {
    const value = cookie.read(request);
    const found = value === undefined || !hasAuthentication() ? undefined : sessions.read(value);
    if (found?.keyId === undefined) return found;
    if (ring.isIncomplete) await ring.whenRead();
    return found.keyId === bindKey(keyIdOf(found.keyId)) ? found : undefined;
  };

  const bindKey = (keyId: string): string | undefined => {
    const fingerprint = fingerprintOf(keyId);
    return fingerprint === undefined ? undefined : toBoundKey(keyId, fingerprint);
  };

  const begin = (actor: Actor, action: LogInAction, started: PageSession): PageSession => {
    const seconds = Math.max(1, Math.floor((started.expiresAt - now()) / 1_000));
    cookie.set(actor.request, actor.response, sessions.issue(started), seconds);
    audit.loggedIn({ ...actor, id: toSessionId(started) }, action);
    return started;
  };

  return {
    hasAuthentication,
    session,
    formToken: (started) => sessions.formToken(started),
    assertOwnForm: (request, started, formToken) => {
      assertOwnOrigin(request, settings, client);
      if (started === undefined) return;
      const header = request.headers['x-form-token'];
      const token = formToken ?? (typeof header === 'string' ? header : undefined);
      if (token === undefined || !sessions.isFormToken(started, token)) {
        throw new ForbiddenError('The page is too old, so nothing was changed: load it again and do it once more.');
      }
    },
    openLink: async (request, response, token) => {
      const id = toLinkSessionId(token);
      const current = await session(request);
      if (current?.id === id) return current;
      const actor = { id: undefined, request, response };
      const address = client.addressOf(request);
      const attempt = await limits.begin({ address, credential: `setup link ${token}` }, response);
      try {
        const { owner, server } = await vault.redeemLink(token);
        attempt.succeeded();
        const user = { issuer: owner.issuer, subject: owner.subject, groups: [] };
        const started = sessions.open({ user, isAdmin: false, server, keyId: undefined });
        return begin(actor, 'open_link', { ...started, id });
      } catch (error) {
        if (error instanceof SetupLinkError) {
          attempt.failed();
          audit.logInFailed(actor, 'open_link', error);
        }
        throw error;
      }
    },
    logIn: async (request, response, credential) => {
      assertOwnOrigin(request, settings, client);
      const text = credential?.trim() ?? '';
      if (text === '') throw new UnauthenticatedError('Type your API key or your token, then log in.', 'Bearer');
      const actor = { id: undefined, request, response };
      const address = client.addressOf(request);
      try {
        const principal = await identify(presenting(text), response, { address, accepted: 'bearer' }, identity);
        const logIn = toLogIn(principal);
        const keyId = logIn.keyId && bindKey(logIn.keyId);
        if (keyId === undefined && logIn.keyId !== undefined) throw new ForbiddenError('Invalid API key');
        return begin(actor, 'log_in', sessions.open({ ...logIn, keyId }));
      } catch (error) {
        if (error instanceof UnauthenticatedError || error instanceof ForbiddenError) {
          audit.logInFailed(actor, 'log_in', error);
        }
        throw error;
      }
    },
    logOut: (request, response) => cookie.clear(request, response),
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

/** Follows from the link's token, so that the session that it opened can open it again; not from what the vault keeps. */
function toLinkSessionId(token: string): string {
  return createHash('sha256').update(`session of setup link ${token}`).digest('base64url');
}

/** Throws `ForbiddenError` for a principal who is no person and no admin. */
function toLogIn(principal: Principal): PageLogIn {
  switch (principal.kind) {
    case 'anonymous':
      throw new ForbiddenError(NOBODY_IS_KNOWN);
    case 'api-key':
      if (principal.scopes.allows('admin')) {
        return { user: undefined, isAdmin: true, server: undefined, keyId: principal.keyId };
      }
      throw new ForbiddenError(
        'This API key belongs to a program and not to a person, so it cannot log in: ask your admin for a personal one, made with "mcpo-ts key create --user".',
      );
    case 'user': {
      const { issuer, subject, email, name, role, groups, scopes, keyId, token } = principal;
      return {
        user: { issuer, subject, email, name, role, groups },
        isAdmin: scopes.allows('admin'),
        server: undefined,
        keyId,
        credentialExpiresAt: token?.expiresAt,
      };
    }
  }
}
