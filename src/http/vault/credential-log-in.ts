import { lacksScope } from '../../auth/authorize.ts';
import type { PageLogIn, PageSession } from '../../auth/page-sessions.ts';
import type { AuthRequest, Principal } from '../../auth/principal.ts';
import { ForbiddenError, UnauthenticatedError } from '../../errors.ts';
import type { AuditTrail } from '../audit-trail.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { type IdentifyDependencies, identify } from '../guards/identify.ts';
import type { Exchange } from '../request-facts.ts';
import { toBoundKey } from './key-sessions.ts';
import { NO_AUTHENTICATION, type PageAccess } from './page-access.ts';

export interface CredentialLogInDependencies {
  readonly access: PageAccess;
  readonly identity: IdentifyDependencies;
  readonly client: ClientAddress;
  readonly audit: AuditTrail;
  readonly now?: () => number;
}

/** Logs in with an API key or token that was typed. */
export type CredentialLogIn = (exchange: Exchange, credential: string | null) => Promise<PageSession>;

/**
 * Makes what checks an API key or token and sets the cookie of its user, its admin or both; `assertOwnForm` comes before
 * it. It rejects with `ForbiddenError` for a wrong key and one that belongs to no person; `UnauthenticatedError`,
 * `RateLimitedError`, `ServerUnavailableError`.
 */
export function createCredentialLogIn({
  access,
  identity,
  client,
  audit,
  now = Date.now,
}: CredentialLogInDependencies): CredentialLogIn {
  return async (exchange, credential) => {
    const { request, response } = exchange;
    const text = credential?.trim() ?? '';
    if (text === '') throw new UnauthenticatedError('Enter your API key or token, then log in.', 'Bearer');
    try {
      const address = client.addressOf(request);
      const principal = await identify(presenting(text), response, { address, accepted: 'bearer' }, identity);
      const logIn = toLogIn(principal, 'token');
      const key = logIn.keyId === undefined ? undefined : identity.ring.findById(logIn.keyId, now());
      if (key === undefined && logIn.keyId !== undefined) throw new ForbiddenError('Invalid API key');
      const bound = { ...logIn, keyId: key && toBoundKey(key.id, key.fingerprint) };
      return await access.begin(exchange, bound, { action: 'log_in' });
    } catch (error) {
      audit.logInFailed(exchange, 'log_in', error);
      throw error;
    }
  };
}

/**
 * A request that presents the typed credential and nothing else: the browser's own headers must not say for which user
 * the key speaks.
 */
export function presenting(credential: string): AuthRequest {
  const authorization = `Bearer ${credential}`;
  return { headers: { authorization }, rawHeaders: ['Authorization', authorization] };
}

/**
 * The session that a principal gets; `way` is how a user without a key came. Throws `ForbiddenError` for one who is
 * neither a person with values of their own nor an admin.
 */
export function toLogIn(principal: Principal, way: 'token' | 'provider' | 'open-webui'): PageLogIn {
  const isAdmin = principal.scopes.allows('admin');
  switch (principal.kind) {
    case 'anonymous':
      throw new ForbiddenError(NO_AUTHENTICATION);
    case 'api-key':
      if (isAdmin) {
        return { user: undefined, way: 'key', isAdmin, scopes: [], server: undefined, keyId: principal.keyId };
      }
      throw new ForbiddenError(
        'This API key belongs to a program, not to a person, so it cannot log in. Ask your admin for a personal key, made with "mcpo-ts key create --user".',
      );
    case 'user': {
      const { issuer, subject, email, name, username, role, groups, identities, scopes, keyId, token } = principal;
      if (!isAdmin && !scopes.allowsAnyOwnValues) throw lacksScope('vault');
      return {
        user: { issuer, subject, email, name, username, role, groups, identities },
        way: keyId === undefined ? way : 'key',
        isAdmin,
        scopes: scopes.ownValueScopes,
        // What a key allows is looked up whenever it matters.
        grants: isAdmin && keyId === undefined ? scopes.texts : undefined,
        server: undefined,
        keyId,
        credentialExpiresAt: token?.expiresAt,
      };
    }
  }
}
