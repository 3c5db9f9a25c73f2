import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { requireDocuments } from '../auth/authorize.ts';
import type { Tracing } from '../telemetry/trace.ts';
import { answerError, toErrorAnswer } from './error-handler.ts';
import type { ClientAddress } from './guards/client-address.ts';
import { limitConnections } from './guards/connection-limit.ts';
import { createCors } from './guards/cors.ts';
import { createForeignPagesGuard } from './guards/foreign-pages.ts';
import { identify, isAuthenticationRequired } from './guards/identify.ts';
import { createOwnHosts } from './guards/own-hosts.ts';
import { type HeaderList, securityHeaders, strictTransportSecurity } from './guards/security-headers.ts';
import { createLoggedCaller } from './logged-caller.ts';
import { createMetricsRoute, isMetricsPath, type ReadMetrics } from './metrics/metrics-route.ts';
import { isPublicPath, isVaultPath, parseServerPath, parseServicePath, toPathname } from './paths.ts';
import { attachFacts, noteError, type RequestFacts, type RequestObserver } from './request-facts.ts';
import { joinTrace } from './request-trace.ts';
import { fileIdOf, type ResultFiles } from './tool-call/result-files.ts';
import { createToolRoute, type ToolRouteDependencies } from './tool-call/tool-route.ts';
import { toAbsoluteUrl } from './urls.ts';

/** From the first byte of a connection to the end of the headers. */
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 120_000;
/** How often connections are checked against these limits. */
const CHECK_CONNECTIONS_MS = 5_000;
/** Longer than the usual minute of proxies, which would otherwise reuse a connection that was just closed. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

export interface HttpDependencies extends Omit<ToolRouteDependencies, 'keepFile'> {
  readonly client: ClientAddress;
  /** Images of results that are served as URLs. */
  readonly files: ResultFiles;
  /** Access log, metrics and traces. */
  readonly observers: readonly RequestObserver[];
  /** `undefined`: the metrics have a port of their own. */
  readonly readMetrics: ReadMetrics | undefined;
  /** Called with each connection that is refused. */
  readonly onConnectionRefused?: (limit: 'max' | 'address') => void;
  /** Records traces; `undefined` where none are sent. */
  readonly tracing: Tracing | undefined;
  /** Everything but the tool route; loaded when the port is already open. */
  readonly app: () => Promise<RequestListener>;
}

/** Makes the HTTP server, over TLS if the settings say so. Throws `ListenError` for TLS files that do not match. */
export async function createHttpServer(dependencies: HttpDependencies): Promise<Server> {
  const { settings, client, logger } = dependencies;
  const listener = createListener(dependencies);
  const options = { connectionsCheckingInterval: CHECK_CONNECTIONS_MS };
  const server = settings.tls
    ? (await import('./tls.ts')).createTlsServer(settings.tls, options, listener, logger)
    : createServer(options, listener);
  limitConnections(server, settings.connections, client, logger, dependencies.onConnectionRefused);
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  return server;
}

/**
 * The way of a request, in order: its id, security headers, pages of foreign origins, the metrics, CORS, then one of the vault's
 * pages, a tool call, a file, or, past strict authentication, the Express app. Every failure ends in `answerError`.
 */
function createListener(dependencies: HttpDependencies): RequestListener {
  const { settings, identity, registry, client, audit, logger, calls, files, observers, readMetrics, tracing, app } =
    dependencies;
  const answerMetrics = readMetrics && createMetricsRoute(identity, readMetrics);
  const answerToolCall = createToolRoute({
    ...dependencies,
    keepFile: (request, file) => {
      const id = files.add(file);
      return id === undefined ? undefined : toAbsoluteUrl(`files/${id}`, request, settings, client);
    },
  });
  const toLogged = createLoggedCaller(settings.audit);
  const security = securityHeaders();
  const corsWithKeys = createCors(settings.corsAllowOrigins ?? ['*']);
  const corsWithoutKeys = createCors(settings.corsAllowOrigins ?? []);
  const ownHosts = createOwnHosts(settings, client);
  const refuseForeignPages = createForeignPagesGuard(ownHosts, client, settings.corsAllowOrigins ?? []);

  async function answer(request: IncomingMessage, response: ServerResponse, facts: RequestFacts): Promise<void> {
    const pathname = toPathname(request.url ?? '/');
    const hasAuthentication = isAuthenticationRequired(identity);
    if (!hasAuthentication) refuseForeignPages(request, pathname);
    // A `POST` may call a tool of any of these names in single-server mode.
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    // Before CORS: no page of another origin has any use for them.
    if (isRead && answerMetrics && isMetricsPath(pathname, settings)) return answerMetrics(request, response, facts);
    const cors = hasAuthentication ? corsWithKeys : corsWithoutKeys;
    setHeaders(response, cors(request));
    if (request.method === 'OPTIONS') {
      response.writeHead(204).end();
      return;
    }
    // The pages and their API identify the caller themselves: by a cookie, a link or a key.
    if (isVaultPath(pathname, request.method, settings)) return answerPage(request, response, facts);
    if (request.method === 'POST') return answerToolCall(request, response, pathname, facts);
    const fileId = fileIdOf(pathname, settings);
    if (isRead && fileId !== undefined) return files.answer(response, fileId);
    if (settings.strictAuth && !isPublicPath(pathname, settings)) await requireDocsKey(request, response, facts);
    return answerPage(request, response, facts);
  }

  async function answerPage(request: IncomingMessage, response: ServerResponse, facts: RequestFacts): Promise<void> {
    attachFacts(request, facts);
    (await app())(request, response);
  }

  /** Strict authentication: documents and pages need the scope `docs`, or one to call everything that they show. */
  async function requireDocsKey(request: IncomingMessage, response: ServerResponse, facts: RequestFacts) {
    const { clientAddress: address } = facts;
    const pathname = toPathname(request.url ?? '/');
    facts.resource = pathname;
    facts.principal = await identify(request, response, { address, accepted: 'bearer-or-basic' }, identity);
    const name = parseServerPath(pathname, settings) ?? parseServicePath(pathname, settings)?.server;
    const server = registry.servers.get(name ?? '');
    requireDocuments(facts.principal, server === undefined ? registry.servers.values() : [server]);
    audit?.loggedIn({ request, response }, facts);
  }

  return (request, response) => {
    const facts: RequestFacts = {
      requestId: requestId(request),
      clientAddress: client.addressOf(request),
      startedAt: performance.now(),
    };
    if (tracing !== undefined || request.headers.traceparent !== undefined) joinTrace(request, facts, tracing);
    response.once('close', () => {
      for (const observe of observers) observe({ request, response }, facts);
    });
    response.setHeader('X-Request-Id', facts.requestId);
    setHeaders(response, security);
    calls.closeAfter(response);
    if (client.isHttps(request)) setHeaders(response, strictTransportSecurity(client.hostOf(request)));
    answer(request, response, facts).catch((error: unknown) => {
      attachFacts(request, facts);
      noteError(request, facts, error);
      audit?.failed({ request, response }, facts, error, toErrorAnswer(error).status);
      calls.closeAfter(response);
      answerError(error, request, response, logger, toLogged(facts));
    });
  };
}

/** The caller's `X-Request-Id` if it is a harmless word, else a new one. */
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:@/+=-]{1,128}$/.test(given) ? given : randomUUID();
}

function setHeaders(response: ServerResponse, headers: HeaderList): void {
  for (const [name, value] of headers) response.setHeader(name, value);
}
