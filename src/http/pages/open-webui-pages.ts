import type { IncomingMessage } from 'node:http';
import express, { type Router } from 'express';
import type { PageSessions } from '../../auth/page-sessions.ts';
import type { UserPrincipal } from '../../auth/principal.ts';
import { ForbiddenError, RateLimitedError, ServerUnavailableError, UnauthenticatedError } from '../../errors.ts';
import type { AuditTrail } from '../audit-trail.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import type { IdentifyDependencies } from '../guards/identify.ts';
import type { Exchange } from '../request-facts.ts';
import { toLogIn } from '../vault/credential-log-in.ts';
import type { OpenWebUiCookie } from '../vault/open-webui-cookie.ts';
import type { OpenWebUiOffer } from './log-in-offers.ts';
import { type PageDependencies, toRequestHandler, toWho } from './page-visit.ts';

export interface OpenWebUiPageDependencies extends PageDependencies {
  readonly openWebUi: OpenWebUiCookie;
  readonly sessions: Pick<PageSessions, 'formToken' | 'isFormToken'>;
  readonly client: ClientAddress;
  readonly identity: IdentifyDependencies;
  readonly audit: AuditTrail;
}

/**
 * The log-in by the session at Open WebUI. It is offered and never taken by itself: the page says who it is first, since
 * whatever else is served under this host name can set Open WebUI's cookie to that of another user, and who logs out
 * here stays logged out.
 */
export function createOpenWebUiPages(dependencies: OpenWebUiPageDependencies): Router {
  const { openWebUi, access, sessions, audit } = dependencies;
  const router = express.Router();
  router.post(
    '/vault/log-in/open-webui',
    toRequestHandler(async (visit) => {
      const { request } = visit;
      const form = await visit.readForm();
      const page = form.get('page') === 'admin' ? 'admin' : 'vault';
      try {
        access.assertOwnForm(request, undefined);
        if (!isByHand(request)) throw new ForbiddenError('Continue with the button of the page.');
        const user = await openWebUi.user(request);
        if (user === undefined) {
          throw new UnauthenticatedError(
            'You are no longer logged in to Open WebUI. Log in there, then reload this page.',
            'Bearer',
          );
        }
        if (!sessions.isFormToken(bindingOf(user), form.get('user'))) {
          throw new ForbiddenError('Open WebUI now says that you are somebody else. Check who it is below.');
        }
        await access.begin(visit, toLogIn(user, 'open-webui'), { action: 'log_in' });
      } catch (error) {
        audit.logInFailed(visit, 'log_in', error);
        const { status, notice } = visit.fail(error);
        return visit.showLogIn(status, page, notice);
      }
      visit.redirect(page);
    }, dependencies),
  );
  router.get(
    '/vault/log-in/open-webui',
    toRequestHandler(async (visit) => visit.redirect('vault'), dependencies),
  );
  return router;
}

/** Whom the browser is logged in as at Open WebUI, to be shown on the page of the log-in; `undefined`: nobody. */
export async function findOpenWebUiOffer(
  { request, response }: Exchange,
  {
    openWebUi,
    sessions,
    identity,
    client,
  }: Pick<OpenWebUiPageDependencies, 'openWebUi' | 'sessions' | 'identity' | 'client'>,
): Promise<OpenWebUiOffer | undefined> {
  const credential = openWebUi.read(request);
  if (credential === undefined || !isPage(request)) return undefined;
  try {
    const address = client.addressOf(request);
    const limit = await identity.limits.begin({ address, credential, isSigned: true }, response);
    const user = await openWebUi.user(request);
    if (user === undefined) return undefined;
    limit.succeeded();
    return { kind: 'user', who: toWho(user), binding: sessions.formToken(bindingOf(user)) };
  } catch (error) {
    if (error instanceof ServerUnavailableError) {
      return {
        kind: 'unavailable',
        text: 'Open WebUI does not answer, so that its log-in does not count now. Reload this page in a moment.',
      };
    }
    if (error instanceof RateLimitedError) return undefined;
    throw error;
  }
}

/** What the button stands for: a cookie that was changed meanwhile does not log in another user. */
function bindingOf({ issuer, subject }: UserPrincipal): { readonly id: string } {
  return { id: `continue as ${issuer.length}:${issuer}${subject}` };
}

/** Not what a script has fetched: whatever is served under this host name could read it. */
function isPage({ headers }: IncomingMessage): boolean {
  return (headers['sec-fetch-dest'] ?? 'document') === 'document';
}

/** A form that a person has sent; browsers say so over TLS and on this machine (Fetch Metadata, `Sec-Fetch-User`). */
function isByHand(request: IncomingMessage): boolean {
  const isSaid = request.headers['sec-fetch-dest'] !== undefined;
  return isPage(request) && (!isSaid || request.headers['sec-fetch-user'] === '?1');
}
