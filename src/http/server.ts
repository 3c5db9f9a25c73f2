import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { requireAnyCall, requireCall, requireScope } from '../auth/authorize.ts';
import { toPrincipalId } from '../auth/principal.ts';
import type { Settings } from '../config/settings.ts';
import { NotFoundError } from '../errors.ts';
import type { ResultFile } from '../mcp/tool-result.ts';
import { toAddressKey } from '../rate-limit/address-key.ts';
import type { RateLimit } from '../rate-limit/rate-limit.ts';
import type { FileStore } from '../servers/file-store.ts';
import { findBySpelling, spellingsOf } from '../servers/find-tool.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AuditTrail, RequestFacts } from './audit-trail.ts';
import { KEY_SET_PATH } from './documents/key-set.ts';
import { toErrorAnswer } from './error-answer.ts';
import { answerError } from './error-handler.ts';
import type { ClientAddress } from './guards/client-address.ts';
import { limitConnections } from './guards/connection-limit.ts';
import { createCors, isPreflight } from './guards/cors.ts';
import { createForeignPagesGuard } from './guards/foreign-pages.ts';
import { type IdentifyDependencies, identify } from './guards/identify.ts';
import { createOwnHosts } from './guards/own-hosts.ts';
import { requestId } from './guards/request-id.ts';
import { type HeaderList, securityHeaders } from './guards/security-headers.ts';
import { strictTransportSecurity } from './guards/strict-transport-security.ts';
import { parseServicePath, toPathname } from './service-path.ts';
import type { TlsFiles } from './tls-files.ts';
import { BodyBudget } from './tool-call/body-budget.ts';
import { answerFile, fileIdOf, toFileUrl } from './tool-call/result-files.ts';
import type { RunningCalls } from './tool-call/running-calls.ts';
import { answerToolCall, type CallerValues } from './tool-call/tool-route.ts';
import { isVaultPath } from './vault/vault-path.ts';

/**
 * Slower clients are cut off: the handshake of TLS and then the headers, from the first moment of a connection on,
 * within a quarter of a minute, the whole request within two.
 */
const HANDSHAKE_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 120_000;
/** How often connections are looked through for those whose time is over. */
const CHECK_CONNECTIONS_MS = 5_000;
/** Longer than the usual minute of proxies, which else meet a connection that we just closed. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

export interface HttpDependencies {
  readonly settings: Settings;
  readonly identity: IdentifyDependencies;
  /** How often one principal may call; `undefined`: as often as he likes. */
  readonly callLimit: RateLimit | undefined;
  readonly client: ClientAddress;
  readonly audit: AuditTrail;
  readonly registry: ServerRegistry;
  readonly logger: Logger;
  /** The tool calls that a drain waits for. */
  readonly calls: RunningCalls;
  /** Images of results that are given out as URLs. */
  readonly files: FileStore;
  /** What is known of the caller's own values. */
  readonly callerValues: CallerValues;
  /** Everything but the tool route; loaded when the port is already open. */
  readonly app: () => Promise<RequestListener>;
}

/** Makes the HTTP server, over TLS if the settings say so. Throws `ListenError` for TLS files that are no pair. */
export async function createHttpServer(dependencies: HttpDependencies): Promise<Server> {
  const { tls } = dependencies.settings;
  const listener = createListener(dependencies);
  const options = { connectionsCheckingInterval: CHECK_CONNECTIONS_MS };
  const server = tls
    ? await openTlsServer(tls, options, listener, dependencies.logger)
    : createServer(options, listener);
  const { settings, client, logger } = dependencies;
  limitConnections(server, { limits: settings.connections, client, logger });
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  return server;
}

async function openTlsServer(
  files: TlsFiles,
  options: ServerOptions,
  listener: RequestListener,
  logger: Logger,
): Promise<Server> {
  const { readTlsFiles, reloadTlsFiles } = await import('./tls-files.ts');
  const server = createTlsServer(
    { ...options, ...readTlsFiles(files), handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
    listener,
  );
  reloadTlsFiles(server, files, logger);
  return server;
}

/**
 * What happens to a request, in order: request id, security headers, CORS, who sends it and whether he may, limits,
 * then the tool route or the Express app. Every failure ends in `answerError`.
 */
function createListener(dependencies: HttpDependencies): RequestListener {
  const { settings, identity, callLimit, client, audit, registry, logger, calls, files, callerValues, app } =
    dependencies;
  const keepFile = (request: IncomingMessage, file: ResultFile) => {
    const id = files.add(file);
    return id === undefined ? undefined : toFileUrl(request, id, settings, client);
  };
  const bodies = new BodyBudget(settings.maxBodiesBytes);
  const toolRoute = { registry, logger, maxBodyBytes: settings.maxBodyBytes, bodies, callerValues, keepFile };
  const security = securityHeaders();
  const corsWithKeys = createCors(settings.corsAllowOrigins ?? ['*']);
  const corsWithoutKeys = createCors(settings.corsAllowOrigins ?? []);
  const refuseForeignPages = createForeignPagesGuard({
    ownHosts: createOwnHosts(settings, client),
    client,
    origins: settings.corsAllowOrigins ?? [],
  });
  const onlyServer = settings.singleServer ? settings.servers[0]?.name : undefined;

  async function answer(request: IncomingMessage, response: ServerResponse, facts: RequestFacts): Promise<void> {
    const pathname = toPathname(request.url ?? '/');
    // Keys of the database may make authentication necessary later.
    const hasAuthentication = identity.authenticator.isRequired || identity.ring.isIncomplete;
    const cors = hasAuthentication ? corsWithKeys : corsWithoutKeys;
    if (!hasAuthentication) refuseForeignPages(request, pathname);
    if (isPreflight(request)) {
      setHeaders(response, cors.preflightHeaders(request));
      response.writeHead(204).end();
      return;
    }
    setHeaders(response, cors.headers(request));
    // The pages and their API find out themselves who asks: by a cookie, a link or a key.
    if (isVaultPath(pathname, request.method, settings)) {
      (await app())(request, response);
      return;
    }
    if (request.method === 'POST') {
      await answerPost(request, response, pathname, facts);
      return;
    }
    const fileId = fileIdOf(pathname, settings);
    if (fileId !== undefined && (request.method === 'GET' || request.method === 'HEAD')) {
      answerFile(response, files.get(fileId));
      return;
    }
    if (settings.strictAuth && !isPublic(pathname, settings)) {
      const { clientAddress: address } = facts;
      facts.resource = pathname;
      facts.principal = await identify(request, response, { address, accepted: 'bearer-or-basic' }, identity);
      requireScope(facts.principal, 'docs');
      audit.loggedIn(request, facts);
    }
    (await app())(request, response);
  }

  async function answerPost(
    request: IncomingMessage,
    response: ServerResponse,
    pathname: string,
    facts: RequestFacts,
  ): Promise<void> {
    const call = calls.follow(response);
    const principal = await identify(request, response, { address: facts.clientAddress, accepted: 'bearer' }, identity);
    facts.principal = principal;
    const path = parseServicePath(pathname, settings);
    const server = path && registry.get(path.server ?? onlyServer ?? '');
    if (path === undefined || server === undefined) {
      throw new NotFoundError('There is no such server here; /docs lists those there are.');
    }
    const { catalogue, config, isShared } = server;
    // Where each user's session has its own list of tools, the tool is looked for in the caller's.
    const tool = isShared && catalogue ? findBySpelling(catalogue.tools, path.name) : undefined;
    const name = tool?.definition.name ?? path.name;
    facts.resource = `${server.name}/${name}`;
    // Whoever may call no tool that the name can mean does not make us wait for a server or open a session.
    if (tool === undefined) requireAnyCall(principal, server.name, spellingsOf(name), config.access);
    else requireCall(principal, server.name, name, config.access, path.name);
    const callerId =
      principal.kind === 'anonymous' ? `anonymous ${toAddressKey(facts.clientAddress)}` : toPrincipalId(principal);
    await callLimit?.count(callerId, response);
    audit.assertAvailable();
    call.begin();
    const { signal } = call;
    const toolRequest = { server, name: path.name, tool, principal, callerId, facts, signal };
    await answerToolCall(request, response, toolRequest, toolRoute);
    audit.called(request, facts);
  }

  return (request, response) => {
    const facts: RequestFacts = { requestId: requestId(request), clientAddress: client.addressOf(request) };
    response.setHeader('X-Request-Id', facts.requestId);
    setHeaders(response, security);
    setHeaders(response, strictTransportSecurity(request, client));
    answer(request, response, facts).catch((error: unknown) => {
      audit.failed(request, facts, error, toErrorAnswer(error).status);
      answerError(error, request, response, logger);
    });
  };
}

/**
 * What needs no key even under strict authentication: what load balancers ask, servers that check a user's token, and
 * the styles and scripts of pages that users open by a link.
 */
function isPublic(pathname: string, { pathPrefix }: Pick<Settings, 'pathPrefix'>): boolean {
  if (pathname === '/healthz' || pathname === '/readyz') return true;
  return ['/', pathPrefix].some(
    (base) => pathname === base + KEY_SET_PATH.slice(1) || pathname.startsWith(`${base}docs/assets/`),
  );
}

function setHeaders(response: ServerResponse, headers: HeaderList): void {
  for (const [name, value] of headers) response.setHeader(name, value);
}
