import type { IncomingMessage, ServerResponse } from 'node:http';
import { requireOwnValues } from '../../auth/authorize.ts';
import { type Principal, toPrincipalId } from '../../auth/principal.ts';
import { Scopes } from '../../auth/scope.ts';
import type { UserProfile } from '../../auth/user.ts';
import { ForbiddenError, NotFoundError, UnauthenticatedError } from '../../errors.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { type IdentifyDependencies, identify } from '../guards/identify.ts';
import { NOBODY_IS_KNOWN } from './create-page-access.ts';
import type { PageAccess, PageSession } from './page-access.ts';
import { toSessionId } from './session-id.ts';
import type { VaultAudit } from './vault-audit.ts';

/** Only this scheme: browsers add `Basic` by themselves, so that it proves nothing about who made a request. */
const BEARER = /^bearer /i;
const READS = new Set(['GET', 'HEAD']);

/** Who uses the vault's API. */
export interface VaultCaller {
  /** As `toPrincipalId` names him. */
  readonly id: string;
  readonly user: UserProfile | undefined;
  readonly isAdmin: boolean;
  /** For which servers the user may set values. */
  readonly scopes: Scopes;
  /** Came by a setup link: may use this server only. */
  readonly server: string | undefined;
}

export interface CallerDependencies {
  readonly access: PageAccess;
  readonly identity: IdentifyDependencies;
  readonly client: ClientAddress;
  readonly audit: VaultAudit;
}

/**
 * Tells who calls, by `Authorization: Bearer` or else by the page's cookie, which changes something only with the form
 * token. Rejects with `UnauthenticatedError`, `ForbiddenError`, `RateLimitedError`, `ServerUnavailableError`.
 */
export async function identifyCaller(
  request: IncomingMessage,
  response: ServerResponse,
  { access, identity, client, audit }: CallerDependencies,
): Promise<VaultCaller> {
  if (!BEARER.test(request.headers.authorization ?? '')) {
    const session = await access.session(request);
    if (session !== undefined) {
      const caller = fromSession(session);
      if (!READS.has(request.method ?? '')) assertForm(caller, session);
      return caller;
    }
  }
  return fromHeader();

  function assertForm({ id }: VaultCaller, session: PageSession): void {
    try {
      access.assertOwnForm(request, session);
    } catch (error) {
      audit.refused({ id, request, response }, error);
      throw error;
    }
  }

  async function fromHeader(): Promise<VaultCaller> {
    try {
      const address = client.addressOf(request);
      return fromPrincipal(await identify(request, response, { address, accepted: 'bearer' }, identity));
    } catch (error) {
      if (error instanceof UnauthenticatedError || error instanceof ForbiddenError) {
        audit.logInFailed({ id: undefined, request, response }, 'request', error);
      }
      throw error;
    }
  }
}

/** The user who calls. Throws `UnauthenticatedError` when a program calls and says for nobody. */
export function requireUser({ user }: VaultCaller): UserProfile {
  if (user !== undefined) return user;
  throw new UnauthenticatedError(
    "It is not known whose secrets are meant: call with a personal API key, with a token of the user, or with a key that may assert users and Open WebUI's headers about the user.",
    'Bearer',
  );
}

/** Throws `ForbiddenError` for anybody else. */
export function requireAdmin({ isAdmin }: VaultCaller): void {
  if (!isAdmin) throw new ForbiddenError('The key or token lacks the scope "admin".');
}

/**
 * Throws `NotFoundError` for a server that the caller's setup link does not name, `ForbiddenError` for one that the
 * caller's scopes do not cover.
 */
export function requireServer(caller: VaultCaller, server: string): void {
  if (caller.server !== undefined && caller.server !== server) {
    throw new NotFoundError('The setup link was for another server: log in at /vault for this one.');
  }
  requireOwnValues(caller.scopes, server);
}

/** Throws `ForbiddenError` for whoever came by a setup link, which sets and tests values and does nothing else. */
export function requireLogIn({ server }: Pick<VaultCaller, 'server'>): void {
  if (server === undefined) return;
  throw new ForbiddenError(
    'A setup link can set and test the values of one server, and nothing else: log in at /vault to remove or erase values.',
  );
}

/**
 * The user of a page's session. Of one by setup link neither role nor groups are known; the link was made while they
 * used the server, so that it is not asked again whether they may.
 */
export function toUserProfile({ user, server }: PageSession): UserProfile | undefined {
  if (user === undefined || server === undefined) return user;
  const { issuer, subject, email, name } = user;
  return { issuer, subject, email, name };
}

function fromSession(session: PageSession): VaultCaller {
  const { isAdmin, server } = session;
  const scopes = new Scopes(session.scopes);
  return { id: toSessionId(session), user: toUserProfile(session), isAdmin, scopes, server };
}

function fromPrincipal(principal: Principal): VaultCaller {
  const id = toPrincipalId(principal);
  switch (principal.kind) {
    case 'anonymous':
      throw new UnauthenticatedError(NOBODY_IS_KNOWN, 'Bearer');
    case 'api-key':
      return {
        id,
        user: undefined,
        isAdmin: principal.scopes.allows('admin'),
        scopes: principal.scopes,
        server: undefined,
      };
    case 'user': {
      const { issuer, subject, email, name, role, groups, scopes } = principal;
      return {
        id,
        user: { issuer, subject, email, name, role, groups },
        isAdmin: scopes.allows('admin'),
        scopes,
        server: undefined,
      };
    }
  }
}
