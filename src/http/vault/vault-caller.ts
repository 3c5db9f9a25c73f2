import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Principal, toPrincipalId } from '../../auth/principal.ts';
import { Scopes } from '../../auth/scopes.ts';
import type { UserProfile } from '../../auth/user.ts';
import { UnauthenticatedError } from '../../errors.ts';
import type { AuditTrail } from '../audit-trail.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import { type IdentifyDependencies, identify } from '../guards/identify.ts';
import { noteFacts } from '../request-facts.ts';
import { NO_AUTHENTICATION, type PageAccess, type PageSession, toSessionId } from './page-access.ts';

/** Only this scheme: browsers add `Basic` by themselves, so that it proves nothing about who made a request. */
const BEARER = /^bearer /i;
const READS = new Set(['GET', 'HEAD']);

/** Who uses the vault, by its pages or its API. */
export interface VaultCaller {
  /** As `toPrincipalId` names them. */
  readonly id: string;
  readonly user: UserProfile | undefined;
  /** What they may do in the vault. */
  readonly scopes: Scopes;
  /** Came by a setup link: may use this server only. */
  readonly server: string | undefined;
}

export interface CallerDependencies {
  readonly access: PageAccess;
  readonly identity: IdentifyDependencies;
  readonly client: ClientAddress;
  readonly audit: AuditTrail;
}

/**
 * Identifies the caller of the API by `Authorization: Bearer` or else by the page's cookie, which changes something only
 * with the form token. Rejects with `UnauthenticatedError`, `ForbiddenError`, `RateLimitedError`,
 * `ServerUnavailableError`.
 */
export async function identifyCaller(
  request: IncomingMessage,
  response: ServerResponse,
  { access, identity, client, audit }: CallerDependencies,
): Promise<VaultCaller> {
  if (!BEARER.test(request.headers.authorization ?? '')) {
    const session = await access.session(request);
    if (session !== undefined) {
      const caller = toCaller(session);
      try {
        if (!READS.has(request.method ?? '')) access.assertOwnForm(request, session);
      } catch (error) {
        audit.refused({ id: caller.id, request, response }, error);
        throw error;
      }
      return caller;
    }
  }
  try {
    const address = client.addressOf(request);
    const principal = await identify(request, response, { address, accepted: 'bearer' }, identity);
    noteFacts(request, { principal });
    return fromPrincipal(principal);
  } catch (error) {
    audit.logInFailed({ request, response }, 'request', error);
    throw error;
  }
}

/**
 * Who is logged in to the pages. After a setup link neither role nor groups are known; the link was made while the user
 * used the server, so that access is not checked again.
 */
export function toCaller(session: PageSession): VaultCaller {
  const { user, isAdmin, server } = session;
  const id = toSessionId(session);
  const scopes = new Scopes(isAdmin ? [...session.scopes, 'admin'] : session.scopes);
  if (user === undefined || server === undefined) return { id, user, scopes, server };
  const { issuer, subject, email, name } = user;
  return { id, user: { issuer, subject, email, name }, scopes, server };
}

function fromPrincipal(principal: Principal): VaultCaller {
  if (principal.kind === 'anonymous') throw new UnauthenticatedError(NO_AUTHENTICATION, 'Bearer');
  const { scopes } = principal;
  const user = principal.kind === 'user' ? principal : undefined;
  return { id: toPrincipalId(principal), user, scopes, server: undefined };
}
