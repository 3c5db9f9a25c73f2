import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Principal, toPrincipalId } from '../../auth/principal.ts';
import type { SettingsUser } from '../../bridge/user-settings.ts';
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
  readonly user: SettingsUser | undefined;
  readonly isAdmin: boolean;
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
export function requireUser({ user }: VaultCaller): SettingsUser {
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

/** Throws `NotFoundError` for a server that the caller's setup link does not name. */
export function requireServer(caller: VaultCaller, server: string): void {
  if (caller.server !== undefined && caller.server !== server) {
    throw new NotFoundError('The setup link was for another server: log in at /vault for this one.');
  }
}

/**
 * The user of a page's session. Of one by setup link nothing but his name is known; the link was made while he used the
 * server, so that it is not asked again whether he may.
 */
export function toSettingsUser({ user, server }: PageSession): SettingsUser | undefined {
  if (user === undefined || server === undefined) return user;
  return { issuer: user.issuer, subject: user.subject };
}

function fromSession(session: PageSession): VaultCaller {
  const { isAdmin, server } = session;
  return { id: toSessionId(session), user: toSettingsUser(session), isAdmin, server };
}

function fromPrincipal(principal: Principal): VaultCaller {
  const id = toPrincipalId(principal);
  switch (principal.kind) {
    case 'anonymous':
      throw new UnauthenticatedError(NOBODY_IS_KNOWN, 'Bearer');
    case 'api-key':
      return { id, user: undefined, isAdmin: principal.scopes.allows('admin'), server: undefined };
    case 'user': {
      const { issuer, subject, email, name, role, groups, scopes } = principal;
      return {
        id,
        user: { issuer, subject, email, name, role, groups },
        isAdmin: scopes.allows('admin'),
        server: undefined,
      };
    }
  }
}
