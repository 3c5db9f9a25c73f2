import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import type { ProviderLogIn } from '../auth/log-in/provider-log-in.ts';
import { NotFoundError } from '../errors.ts';
import { type AdminPageDependencies, createAdminPages } from './admin/admin-pages.ts';
import { type BackChannelDependencies, createBackChannel } from './pages/back-channel.ts';
import { createLogInPages } from './pages/log-in.ts';
import type { FindLogInOffers } from './pages/log-in-offers.ts';
import { createOpenWebUiPages, findOpenWebUiOffer, type OpenWebUiPageDependencies } from './pages/open-webui-pages.ts';
import { createProviderPages, type ProviderPageDependencies } from './pages/provider-pages.ts';
import { toServicePaths } from './paths.ts';
import { createConfirmLogIn } from './vault/confirm-log-in.ts';
import { createCredentialLogIn } from './vault/credential-log-in.ts';
import { createSessionPages } from './vault/session-pages.ts';
import { SetupLinkAccess, type SetupLinkAccessDependencies } from './vault/setup-link-access.ts';
import { createVaultApi, type VaultApiDependencies } from './vault/vault-api.ts';
import { createVaultPages, type VaultPageDependencies } from './vault/vault-pages.ts';

export type VaultAppDependencies = Omit<AdminPageDependencies, 'offers' | 'confirmLogIn'> &
  Omit<VaultPageDependencies, 'links' | 'offers'> &
  Omit<ProviderPageDependencies, 'offers'> &
  Omit<OpenWebUiPageDependencies, 'offers'> &
  BackChannelDependencies &
  VaultApiDependencies &
  SetupLinkAccessDependencies & {
    readonly providers: Pick<ProviderLogIn, 'providers'>;
    /** Where people's browsers reach Open WebUI, if that is known. */
    readonly openWebUiUrl: () => string | undefined;
  };

export type VaultApp = RequestHandler;

/** What answers under `/vault` and `/admin`, at the root and under the path prefix. */
export function createVaultApp(given: VaultAppDependencies): VaultApp {
  const offers: FindLogInOffers = async (exchange) => ({
    providers: given.providers.providers,
    openWebUi: await findOpenWebUiOffer(exchange, given),
    openWebUiUrl: given.openWebUiUrl(),
  });
  const dependencies = { ...given, offers };
  const app = express.Router({ caseSensitive: true });
  app.use(pageHeaders);
  const links = new SetupLinkAccess(dependencies);
  const logIn = createCredentialLogIn(dependencies);
  const routers = [
    createLogInPages({ ...dependencies, logIn }),
    createProviderPages(dependencies),
    createOpenWebUiPages(dependencies),
    createBackChannel(dependencies),
    createSessionPages(dependencies),
    createVaultPages({ ...dependencies, links }),
    createAdminPages({ ...dependencies, confirmLogIn: createConfirmLogIn(dependencies) }),
  ];
  app.use(toServicePaths('vault/api', dependencies.settings), createVaultApi(dependencies));
  for (const base of toServicePaths('', dependencies.settings)) app.use(base, ...routers);
  app.use(undecodable);
  return app;
}

/**
 * What every answer of the pages carries. `same-origin`: under the service's own `no-referrer` browsers send `Origin:
 * null` with forms, and over plain HTTP nothing else says where a form came from (Fetch, "append a request Origin
 * header").
 */
export const pageHeaders: RequestHandler = (_request, response, next) => {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Referrer-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  next();
};

/** Express cannot decode a path such as `/%zz`. */
export const undecodable: ErrorRequestHandler = (error, _request, _response, next) =>
  next(error instanceof URIError ? new NotFoundError('The URL is not well-formed.') : error);
