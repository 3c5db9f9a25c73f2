import express, { type Request, type Response, type Router } from 'express';
import type { Settings } from '../../config/settings.ts';
import { InvalidArgumentsError } from '../../errors.ts';
import type { SchemaForm } from '../../openapi/document-input.ts';
import type { SerializedDocument } from '../../openapi/serialize-document.ts';
import type { Server } from '../../servers/server.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { createAssets } from '../pages/assets.ts';
import { renderTemplate } from '../pages/render-template.ts';
import { parseServicePath, serverPath, toPathname, toServicePaths } from '../paths.ts';
import { toRelativeUrl } from '../urls.ts';
import { DocumentCache } from './document-cache.ts';
import { type StartPageSource, toStartPage } from './start-page.ts';

export interface DocumentRouteDependencies extends StartPageSource {
  readonly settings: Settings;
  readonly registry: ServerRegistry;
  readonly logger: Logger;
}

const KINDS = ['openapi.json', 'docs', 'redoc'] as const;
type Kind = (typeof KINDS)[number];

/** The start page, and `openapi.json`, `docs` and `redoc` of each server and of all servers together. */
export function createDocumentRoutes(dependencies: DocumentRouteDependencies): Router {
  const { settings, registry, hasAuthentication, logger } = dependencies;
  const documents = new DocumentCache(settings, registry, hasAuthentication, logger);
  const router = express.Router();
  router.use(toServicePaths('docs/assets', settings), createAssets());
  router.get(toServicePaths('', settings).map(toPathname), (request, response) =>
    sendPage(response, 'start-page', toStartPage(request, dependencies)),
  );
  router.get('/*path', (request, response, next) => {
    const { server: name = settings.servers[0]?.name, name: kind } =
      parseServicePath(toPathname(request.url), settings) ?? {};
    const server = registry.servers.get(name ?? '');
    if (server === undefined || !isKind(kind)) return next();
    return answer(request, response, kind, server);
  });
  if (settings.singleServer) return router;
  for (const kind of KINDS) {
    router.get(toServicePaths(kind, settings), (request, response) => answer(request, response, kind));
  }
  return router;

  /** Answers with the document of one server, or of all, or with a page that shows it. */
  async function answer(request: Request, response: Response, kind: Kind, server?: Server): Promise<void> {
    const base = server === undefined ? settings.pathPrefix : `${serverPath(server.name, settings)}/`;
    const to = (path: string) => toRelativeUrl(request.originalUrl, path);
    const page = {
      title: server === undefined ? 'All servers' : titleOf(server),
      documentUrl: to(`${base}openapi.json`),
      assetsBase: to(`${settings.pathPrefix}docs/assets/`),
      links: [
        { label: 'All servers', url: to(settings.pathPrefix) },
        { label: 'Exact schemas', url: `${to(`${base}openapi.json`)}?schema=exact` },
      ],
    };
    switch (kind) {
      case 'openapi.json': {
        const document = await documents.of(server, requestedSchemas(request));
        return sendDocument(request, response, document);
      }
      case 'redoc':
        return sendPage(response, 'redoc', page);
      case 'docs': {
        const startPage =
          server === undefined ? { ...toStartPage(request, dependencies), allDocsUrl: undefined } : undefined;
        return sendPage(response, 'swagger', { ...page, startPage });
      }
    }
  }

  function titleOf(server: Server): string {
    const given = settings.singleServer ? settings.api.name : undefined;
    return given ?? server.title;
  }
}

function isKind(name: string | undefined): name is Kind {
  return KINDS.some((kind) => kind === name);
}

/** Answers with a page. `no-cache`: it shows states, and under strict authentication it must be asked for each time. */
function sendPage(response: Response, template: 'start-page' | 'swagger' | 'redoc', view: object): void {
  response
    .set('Cache-Control', 'no-cache')
    .type('html')
    .send(renderTemplate(`documents/${template}`, view));
}

/** Answers with a document from memory, or 304 when the client has it already (RFC 9110, section 13.1.2). */
function sendDocument(request: Request, response: Response, document: SerializedDocument): void {
  response.setHeader('ETag', document.etag);
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  if (request.fresh) response.status(304).end();
  else response.end(request.method === 'HEAD' ? undefined : document.body);
}

/** Which schemas `?schema=` asks for. Throws `InvalidArgumentsError` for anything but `portable` and `exact`. */
function requestedSchemas({ query: { schema } }: Request): SchemaForm {
  if (schema === undefined || schema === 'portable') return 'portable';
  if (schema === 'exact') return 'exact';
  const msg = "Input should be 'portable' (inline schemas that every client reads) or 'exact' (the original schemas)";
  throw new InvalidArgumentsError([{ type: 'literal_error', loc: ['query', 'schema'], msg }]);
}
