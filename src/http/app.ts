import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import { MethodNotAllowedError, NotFoundError } from '../errors.ts';
import { createDocumentRoutes, type DocumentRouteDependencies } from './documents/document-routes.ts';
import { type ReadinessDependencies, readinessHandler } from './documents/health.ts';
import { answerError } from './error-handler.ts';
import { isVaultPath, KEY_SET_PATH, parseServicePath, toPathname, toServicePaths } from './paths.ts';

const KEY_SET_MAX_AGE_SECONDS = 300;

export interface AppDependencies extends DocumentRouteDependencies, ReadinessDependencies {
  /** The pages of users and admins with their API; opened when they are first requested. */
  readonly vaultPages: () => Promise<RequestHandler>;
  /** The public keys that verify the service's tokens about users. */
  readonly keySet: () => Promise<object>;
}

/** The Express app: everything but the tool route. Its guards were run by `server.ts`. */
export function createApp(dependencies: AppDependencies): Express {
  const { settings, registry, logger, vaultPages, keySet } = dependencies;
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use(normalizePath);
  app.use(async (request, response, next) => {
    if (!isVaultPath(toPathname(request.url), request.method, settings)) return next();
    return (await vaultPages())(request, response, next);
  });
  app.get(toServicePaths(KEY_SET_PATH, settings), async (_request, response) => {
    response.setHeader('Cache-Control', `public, max-age=${KEY_SET_MAX_AGE_SECONDS}`);
    response.json(await keySet());
  });
  app.get('/healthz', (_request, response) => void response.json({ status: 'ok', instance: dependencies.instance }));
  app.get('/readyz', readinessHandler(dependencies));
  app.use(createDocumentRoutes(dependencies));
  app.use(notFound);
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) =>
    answerError(error, request, response, logger),
  );
  return app;

  /** A tool's own path answers only to POST; anything else is unknown. */
  function notFound(request: Request): never {
    const path = parseServicePath(toPathname(request.url), settings);
    const server = path && registry.servers.get(path.server ?? settings.servers[0]?.name ?? '');
    if (path !== undefined && server?.catalogue?.tools.has(path.name)) {
      throw new MethodNotAllowedError('Call a tool with POST and its arguments as the JSON body.', ['POST', 'OPTIONS']);
    }
    throw new NotFoundError('There is nothing at this URL. /docs lists the servers and their tools.');
  }
}

/** Doubled slashes and one at the end work and never redirect; `originalUrl` keeps what the browser asked for. */
const normalizePath: RequestHandler = (request, _response, next) => {
  const query = request.url.indexOf('?');
  request.url = toPathname(request.url) + (query === -1 ? '' : request.url.slice(query));
  next();
};
