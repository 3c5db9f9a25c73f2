import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AuthenticationSettings, authenticate } from '../auth/authenticate.ts';
import type { FileStore } from '../bridge/file-store.ts';
import type { ServerRegistry } from '../bridge/server-registry.ts';
import type { Settings } from '../config/settings.ts';
import { NotFoundError } from '../errors.ts';
import type { ResultFile } from '../mcp/tool-result.ts';
import type { Logger } from '../telemetry/logger.ts';
import { answerError } from './error-handler.ts';
import { createCors, isPreflight } from './guards/cors.ts';
import { requestId } from './guards/request-id.ts';
import { type HeaderList, securityHeaders } from './guards/security-headers.ts';
import { answerFile, fileIdOf, toFileUrl } from './routes/files.ts';
import type { RunningCalls } from './running-calls.ts';
import { parseServicePath, toPathname } from './service-path.ts';
import type { TlsFiles } from './tls-files.ts';
import { answerToolCall } from './tool-route.ts';

/** Slower clients are cut off: headers within a minute, the whole request within two. */
const HEADERS_TIMEOUT_MS = 60_000;
const REQUEST_TIMEOUT_MS = 120_000;
/** Longer than the usual minute of proxies, which else meet a connection that we just closed. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

export interface HttpDependencies {
  readonly settings: Settings;
  readonly authentication: AuthenticationSettings;
  readonly registry: ServerRegistry;
  readonly logger: Logger;
  /** The tool calls that a drain waits for. */
  readonly calls: RunningCalls;
  /** Images of results that are given out as URLs. */
  readonly files: FileStore;
  /** Everything but the tool route; loaded when the port is already open. */
  readonly app: () => Promise<RequestListener>;
}

/** Makes the HTTP server, over TLS if the settings say so. Throws `ListenError` for TLS files that are no pair. */
export async function createHttpServer(dependencies: HttpDependencies): Promise<Server> {
  const { tls } = dependencies.settings;
  const listener = createListener(dependencies);
  const server = tls ? await openTlsServer(tls, listener, dependencies.logger) : createServer(listener);
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  return server;
}

async function openTlsServer(files: TlsFiles, listener: RequestListener, logger: Logger): Promise<Server> {
  const { readTlsFiles, reloadTlsFiles } = await import('./tls-files.ts');
  const server = createTlsServer(readTlsFiles(files), listener);
  reloadTlsFiles(server, files, logger);
  return server;
}

/**
 * What happens to a request, in order: request id, security headers, CORS, authentication, then the tool route or the
 * Express app. Every failure ends in `answerError`.
 */
function createListener(dependencies: HttpDependencies): RequestListener {
  const { settings, authentication, registry, logger, calls, files, app } = dependencies;
  const keepFile = (request: IncomingMessage, file: ResultFile) => {
    const id = files.add(file);
    return id === undefined ? undefined : toFileUrl(request, id, settings);
  };
  const toolRoute = { registry, logger, maxBodyBytes: settings.maxBodyBytes, keepFile };
  const security = securityHeaders();
  const cors = createCors(settings.corsAllowOrigins);
  const onlyServer = settings.singleServer ? settings.servers[0]?.name : undefined;

  async function answer(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    if (isPreflight(request)) {
      setHeaders(response, cors.preflightHeaders(request));
      response.writeHead(204).end();
      return;
    }
    setHeaders(response, cors.headers(request));
    const pathname = toPathname(request.url ?? '/');
    if (request.method === 'POST') {
      const principal = authenticate(request.headers.authorization, authentication, 'bearer');
      const path = parseServicePath(pathname, settings);
      const server = path && registry.get(path.server ?? onlyServer ?? '');
      if (path === undefined || server === undefined)
        throw new NotFoundError('There is no such server here; /docs lists those there are.');
      calls.begin(response);
      await answerToolCall(request, response, { server, tool: path.name, principal, requestId: id }, toolRoute);
      return;
    }
    const fileId = fileIdOf(pathname, settings);
    if (fileId !== undefined && (request.method === 'GET' || request.method === 'HEAD')) {
      answerFile(response, files.get(fileId));
      return;
    }
    if (settings.strictAuth && !isProbe(pathname)) {
      authenticate(request.headers.authorization, authentication, 'bearer-or-basic');
    }
    (await app())(request, response);
  }

  return (request, response) => {
    const id = requestId(request);
    response.setHeader('X-Request-Id', id);
    setHeaders(response, security);
    answer(request, response, id).catch((error: unknown) => answerError(error, request, response, logger));
  };
}

/** What a load balancer asks needs no key, even under strict authentication. */
function isProbe(pathname: string): boolean {
  return pathname === '/healthz' || pathname === '/readyz';
}

function setHeaders(response: ServerResponse, headers: HeaderList): void {
  for (const [name, value] of headers) response.setHeader(name, value);
}
