import express, { type Router } from 'express';
import {
  ATTEMPT_LIFETIME_MS,
  type LogInAttempts,
  type OpenedAttempt,
  toAttemptTag,
} from '../../auth/log-in/log-in-attempts.ts';
import type { ProviderLogIn } from '../../auth/log-in/provider-log-in.ts';
import { ForbiddenError, UnauthenticatedError } from '../../errors.ts';
import type { AuditTrail } from '../audit-trail.ts';
import type { ClientAddress } from '../guards/client-address.ts';
import type { IdentifyDependencies } from '../guards/identify.ts';
import { CALLBACK_PATH } from '../paths.ts';
import { toAbsoluteUrl, type UrlSettings } from '../urls.ts';
import { toLogIn } from '../vault/credential-log-in.ts';
import { createHostCookies } from '../vault/host-cookies.ts';
import { type PageDependencies, type PageVisit, toRequestHandler } from './page-visit.ts';

const ATTEMPT_COOKIE = 'mcpo-log-in-';
/** Tabs that log in at the same time; with one more the others are given up. */
const MAX_ATTEMPTS = 5;
/** Pages of ours to which a log-in may lead back; anything else is `vault`. */
const OWN_PAGE = /^(?:vault|admin|vault\/link\/[\w-]{1,64})$/;
const NOT_BEGUN_HERE =
  'This log-in was not begun in this browser, took longer than ten minutes, or was used already. Log in again.';

export interface ProviderPageDependencies extends PageDependencies {
  readonly settings: UrlSettings;
  readonly client: ClientAddress;
  readonly identity: IdentifyDependencies;
  readonly providers: Pick<ProviderLogIn, 'find' | 'authorizationUrl' | 'redeem'>;
  readonly attempts: LogInAttempts;
  readonly audit: AuditTrail;
}

/** The log-in at an OpenID provider: the link that leads there, and where it leads back to. */
export function createProviderPages(dependencies: ProviderPageDependencies): Router {
  const { settings, client, identity, providers, attempts, access, audit } = dependencies;
  const cookies = createHostCookies(settings, client);
  const router = express.Router();
  router.get('/vault/log-in/start', toRequestHandler(start, dependencies));
  router.get(`/${CALLBACK_PATH}`, toRequestHandler(finish, dependencies));
  return router;

  async function start(visit: PageVisit): Promise<void> {
    const { request, response } = visit;
    const { provider: key, page: asked } = request.query;
    const page = typeof asked === 'string' && OWN_PAGE.test(asked) ? asked : 'vault';
    // A page of another site shows its visitors the log-in at most, and begins none.
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') return visit.redirect(page);
    try {
      const limit = await identity.limits.begin(
        { address: client.addressOf(request), credential: undefined },
        response,
      );
      const provider = providers.find(typeof key === 'string' ? key : undefined);
      const opened = attempts.begin({ provider: provider.key, page });
      const url = await providers.authorizationUrl(provider, redirectUri(visit), opened);
      limit.succeeded();
      writeAttempt(visit, opened);
      response.writeHead(303, { Location: url.href }).end();
    } catch (error) {
      await showFailure(visit, page, error);
    }
  }

  async function finish(visit: PageVisit): Promise<void> {
    const { request, response } = visit;
    const { search, searchParams } = new URL(request.originalUrl, 'http://localhost');
    const state = searchParams.get('state') ?? '';
    const name = ATTEMPT_COOKIE + toAttemptTag(state);
    const opened = attempts.read(cookies.read(request, name), state);
    const page = opened?.attempt.page ?? 'vault';
    try {
      if (opened === undefined) throw new UnauthenticatedError(NOT_BEGUN_HERE, 'Bearer');
      cookies.write(request, response, { name, value: '', maxAge: 0, sameSite: 'lax' });
      await logIn(visit, opened, new URL(redirectUri(visit) + search));
    } catch (error) {
      audit.logInFailed(visit, 'log_in', error);
      return showFailure(visit, page, error);
    }
    // The browser does not send a strict cookie along a way that another site has begun: this page begins a new one.
    visit.show(200, 'pages/continue', { title: 'Logged in', refreshUrl: visit.to(page) });
  }

  async function logIn(visit: PageVisit, opened: OpenedAttempt, callback: URL): Promise<void> {
    const { request, response } = visit;
    const provider = providers.find(opened.attempt.provider);
    const credential = `log-in ${opened.state} ${callback.searchParams.get('code') ?? ''}`;
    const limit = await identity.limits.begin({ address: client.addressOf(request), credential }, response);
    try {
      const { principal, session } = await providers.redeem(provider, callback, opened);
      const person = await identity.authenticator.toPerson(principal);
      await access.begin(visit, toLogIn(person, 'provider'), { action: 'log_in', provider: session });
      limit.succeeded();
    } catch (error) {
      if (error instanceof UnauthenticatedError || error instanceof ForbiddenError) limit.failed();
      throw error;
    }
  }

  async function showFailure(visit: PageVisit, page: string, error: unknown): Promise<void> {
    const { status, notice } = visit.fail(error);
    await visit.showLogIn(status, page === 'admin' ? 'admin' : 'vault', notice);
  }

  function redirectUri({ request }: PageVisit): string {
    return toAbsoluteUrl(CALLBACK_PATH, request, settings, client);
  }

  function writeAttempt({ request, response }: PageVisit, { state, text }: OpenedAttempt): void {
    const others = cookies.names(request, ATTEMPT_COOKIE);
    if (others.length >= MAX_ATTEMPTS) {
      for (const name of others) cookies.write(request, response, { name, value: '', maxAge: 0, sameSite: 'lax' });
    }
    const name = ATTEMPT_COOKIE + toAttemptTag(state);
    cookies.write(request, response, { name, value: text, maxAge: ATTEMPT_LIFETIME_MS / 1_000, sameSite: 'lax' });
  }
}
