import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express';
import type { Settings } from '../config/settings.ts';
import { MethodNotAllowedError, NotFoundError } from '../errors.ts';
import type { LimitsStatus } from '../rate-limit/open-limits.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createDocsRoutes } from './documents/docs-routes.ts';
import { DocumentCache } from './documents/document-cache.ts';
import { healthHandler, readinessHandler } from './documents/health.ts';
import { keySetHandler } from './documents/key-set.ts';
import { requestedSchemas, sendDocument } from './documents/send-document.ts';
import { startPageHandler } from './documents/start-page-route.ts';
import { toStartPageView } from './documents/to-start-page-view.ts';
import { answerError } from './error-handler.ts';
import type { ClientAddress } from './guards/client-address.ts';
import { isVaultPath, KEY_SET_PATH, parseServicePath, serverPath, toPathname } from './paths.ts';
import { toRelativeUrl } from './urls.ts';

export interface AppDependencies {
  readonly settings: Settings;
  readonly registry: ServerRegistry;
  readonly logger: Logger;
  readonly hasAuthentication: () => boolean;
  readonly client: ClientAddress;
  readonly limits: () => LimitsStatus;
  readonly isDraining: () => boolean;
  /** The pages of users and admins with their API; opened when they are first asked for. */
  readonly vaultPages: () => Promise<RequestHandler>;
  /** What servers check the tokens about users with. */
  readonly keySet: () => Promise<object>;
}

/** The Express app: everything but the tool route. Its guards were run by `server.ts`. */
export function createApp({
  settings,
  registry,
  logger,
  hasAuthentication,
  client,
  limits,
  isDraining,
  vaultPages,
  keySet,
}: AppDependencies): Express {
  const documents = new DocumentCache(settings, registry, hasAuthentication, logger);
  const docs = createDocsRoutes();
  // Pages of the service answer at the root, and under the prefix for proxies that forward nothing else.
  const bases = [...new Set(['/', settings.pathPrefix])];
  const at = (name: string) => bases.map((base) => base + name);
  const startPage = (request: Request) => toStartPageView(request, { settings, registry, hasAuthentication, client });

  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use(normalisePath);
  app.use(async (request, response, next) => {
    if (!isVaultPath(toPathname(request.url), request.method, settings)) return next();
    return (await vaultPages())(request, response, next);
  });
  app.get(at(KEY_SET_PATH), keySetHandler(keySet));
  app.get('/healthz', healthHandler());
  app.get('/readyz', readinessHandler(registry, limits, isDraining));
  app.use(at('docs/assets'), docs.assets);
  app.get(
    at('').map((path) => toPathname(path)),
    startPageHandler(startPage),
  );
  app.get('/*path', serverPages());
  if (!settings.singleServer) {
    app.get(at('openapi.json'), async (request, response) =>
      sendDocument(request, response, await documents.ofAll(requestedSchemas(request))),
    );
    app.get(at('docs'), (request, response) =>
      docs.swaggerPage(request, response, {
        ...page(request, 'All servers', `${settings.pathPrefix}openapi.json`),
        startPage: { ...startPage(request), allDocsUrl: undefined },
      }),
    );
    app.get(at('redoc'), (request, response) =>
      docs.redocPage(request, response, page(request, 'All servers', `${settings.pathPrefix}openapi.json`)),
    );
  }
  app.use(notFound());
  app.use(failed());
  return app;

  /** `{prefix}<server>/openapi.json`, `/docs` and `/redoc`; in single-server mode without `<server>`. */
  function serverPages(): RequestHandler {
    return async (request, response, next) => {
      const path = parseServicePath(toPathname(request.url), settings);
      const server = path && registry.get(path.server ?? settings.servers[0]?.name ?? '');
      if (path === undefined || server === undefined) return next();
      const given = settings.singleServer ? settings.api.name : undefined;
      const title = given ?? server.catalogue?.serverInfo.title ?? server.name;
      const documentPath = `${serverPath(server.name, settings)}/openapi.json`;
      switch (path.name) {
        case 'openapi.json':
          return sendDocument(request, response, await documents.ofServer(server.name, requestedSchemas(request)));
        case 'docs':
          return docs.swaggerPage(request, response, page(request, title, documentPath));
        case 'redoc':
          return docs.redocPage(request, response, page(request, title, documentPath));
        default:
          return next();
      }
    };
  }

  function page(request: Request, title: string, documentPath: string) {
    const to = (path: string) => toRelativeUrl(request.originalUrl, path);
    return {
      title,
      documentUrl: to(documentPath),
      assetsBase: to(`${settings.pathPrefix}docs/assets/`),
      links: [
        { label: 'All servers', url: to(settings.pathPrefix) },
        { label: 'Exact schemas', url: `${to(documentPath)}?schema=exact` },
      ],
    };
  }

  /** A tool's own path answers only to POST; anything else is unknown. */
  function notFound(): RequestHandler {
    return (request) => {
      const path = parseServicePath(toPathname(request.url), settings);
      const server = path && registry.get(path.server ?? settings.servers[0]?.name ?? '');
      if (path !== undefined && server?.catalogue?.tools.has(path.name)) {
        throw new MethodNotAllowedError('A tool is called with POST; its arguments are the JSON body.', [
          'POST',
          'OPTIONS',
        ]);
      }
      throw new NotFoundError('There is nothing here; /docs lists the servers and their tools.');
    };
  }

  function failed(): ErrorRequestHandler {
    return (error: unknown, request, response, _next) => answerError(error, request, response, logger);
  }
}

/** Doubled slashes and one at the end work and never redirect; `originalUrl` keeps what the browser asked for. */
const normalisePath: RequestHandler = (request, _response, next) => {
  const query = request.url.indexOf('?');
  request.url = toPathname(request.url) + (query === -1 ? '' : request.url.slice(query));
  next();
};
