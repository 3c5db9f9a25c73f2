import { createHash } from 'node:crypto';
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
import { parseServerPath, parseServicePath, serverPath, toPathname, toServicePaths } from '../paths.ts';
import { toRelativeUrl } from '../urls.ts';
import { DocumentCache } from './document-cache.ts';
import { toServerFacts } from './server-facts.ts';
import { type StartPageSource, toServerRows, toStartPage } from './start-page.ts';

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
    sendPage(request, response, 'start-page', toStartPage(request, dependencies)),
  );
  // Not `/*path`, which Express decodes, and fails to.
  router.get(/^/, (request, response, next) => {
    const pathname = toPathname(request.url);
    const itself = registry.servers.get(parseServerPath(pathname, settings) ?? '');
    if (itself !== undefined) return answerItself(request, response, itself);
    const { server: name = settings.servers[0]?.name, name: kind } = parseServicePath(pathname, settings) ?? {};
    const server = registry.servers.get(name ?? '');
    if (server === undefined || !isKind(kind)) return next();
    return answer(request, response, kind, server);
  });
  if (settings.singleServer) return router;
  for (const kind of KINDS) {
    router.get(toServicePaths(kind, settings), (request, response) => answer(request, response, kind));
  }
  return router;

  /** The URL of a server itself: its page for browsers, its facts as JSON for others. */
  function answerItself(request: Request, response: Response, server: Server): Promise<void> | void {
    response.vary('Accept');
    if (request.accepts(['json', 'html']) === 'html') return answer(request, response, 'docs', server);
    const [row] = toServerRows([server], request, dependencies);
    response.set('Cache-Control', 'no-cache');
    if (row !== undefined) response.json(toServerFacts(row));
  }

  /** Answers with the document of one server, or of all, or with a page that shows it. */
  async function answer(request: Request, response: Response, kind: Kind, server?: Server): Promise<void> {
    if (kind === 'openapi.json') {
      return sendDocument(request, response, await documents.of(server, requestedSchemas(request)));
    }
    const base = server === undefined ? settings.pathPrefix : `${serverPath(server.name, settings)}/`;
    const to = (path: string) => toRelativeUrl(request.originalUrl, path);
    const page = {
      title: server === undefined ? 'All servers' : titleOf(server),
      documentUrl: to(`${base}openapi.json`),
      serviceUrl: to(settings.pathPrefix),
      assetsBase: to(`${settings.pathPrefix}docs/assets/`),
      links: [
        { label: server === undefined ? 'Start page' : 'All servers', url: to(settings.pathPrefix) },
        kind === 'docs'
          ? { label: 'ReDoc', url: to(`${base}redoc`) }
          : { label: 'Try the tools', url: to(`${base}docs`) },
        { label: 'Exact schemas', url: `${to(`${base}openapi.json`)}?schema=exact` },
      ],
    };
    if (kind === 'redoc') return sendPage(request, response, 'redoc', page);
    const startPage = server === undefined ? toStartPage(request, dependencies) : undefined;
    const servers = server === undefined ? [] : toServerRows([server], request, dependencies);
    sendPage(request, response, 'swagger', { ...page, startPage, servers });
  }

  function titleOf(server: Server): string {
    const given = settings.singleServer ? settings.api.name : undefined;
    return given ?? server.title;
  }
}

function isKind(name: string | undefined): name is Kind {
  return KINDS.some((kind) => kind === name);
}

/**
 * Answers with a page, or 304 when the browser has it as it is: it asks every few seconds. `no-cache`: the page shows
 * states, and under strict authentication it must be asked for each time.
 */
function sendPage(
  request: Request,
  response: Response,
  template: 'start-page' | 'swagger' | 'redoc',
  view: object,
): void {
  const html = renderTemplate(`documents/${template}`, view);
  response.set('Cache-Control', 'no-cache');
  response.set('ETag', `"${createHash('sha256').update(html).digest('base64url')}"`);
  if (request.fresh) response.status(304).end();
  else response.type('html').send(html);
}

/** Answers with a document from memory, or 304 when the client has it already (RFC 9110, section 13.1.2). */
function sendDocument(request: Request, response: Response, document: SerializedDocument): void {
  response.setHeader('ETag', document.etag);
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  if (request.fresh) {
    response.status(304).end();
    return;
  }
  response.setHeader('Content-Length', document.body.length);
  response.end(request.method === 'HEAD' ? undefined : document.body);
}

/** Which schemas `?schema=` asks for. Throws `InvalidArgumentsError` for anything but `portable` and `exact`. */
function requestedSchemas({ query: { schema } }: Request): SchemaForm {
  if (schema === undefined || schema === 'portable') return 'portable';
  if (schema === 'exact') return 'exact';
  const msg = "Input should be 'portable' (inline schemas that every client reads) or 'exact' (the original schemas)";
  throw new InvalidArgumentsError([{ type: 'literal_error', loc: ['query', 'schema'], msg }]);
}
