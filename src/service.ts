import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApiKeyCheck } from './auth/api-key.ts';
import { FileStore } from './bridge/file-store.ts';
import type { CatalogueKeeper } from './bridge/kept-catalogue.ts';
import { ServerRegistry } from './bridge/server-registry.ts';
import type { ServerConfig } from './config/server-config.ts';
import type { Secrets, Settings } from './config/settings.ts';
import type { KeptCatalogues } from './db/kept-catalogues.ts';
import { ListenError } from './errors.ts';
import { RunningCalls } from './http/running-calls.ts';
import { createHttpServer } from './http/server.ts';
import type { OpenSessionOptions, Session } from './mcp/session.ts';
import { portOwner } from './process/port-owner.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Redactor } from './telemetry/redactor.ts';

/** How long connections that are in the middle of something other than a call may take to end. */
const CONNECTION_GRACE_MS = 500;

export interface ServiceOptions {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly logger: Logger;
  readonly redactor: Redactor;
}

export interface Service {
  /** Where it listens, as a URL that works on this machine, without a slash at the end. */
  readonly url: string;
  readonly registry: ServerRegistry;
  /** Takes over the servers of a changed configuration, with the values in it that must never be printed. */
  reload(servers: readonly ServerConfig[], secrets: readonly string[]): Promise<void>;
  /** Stops taking calls, lets running ones finish within the drain time, and ends every child process. Idempotent. */
  stop(): Promise<void>;
}

/** Builds every resource, in order. The port is open when this resolves; the servers are still starting. */
export async function startService({ settings, secrets, logger, redactor }: ServiceOptions): Promise<Service> {
  redactor.add(secrets.configured);
  const authentication = {
    checkApiKey: secrets.auth.apiKey === undefined ? undefined : createApiKeyCheck(secrets.auth.apiKey),
  };
  let kept: Promise<KeptCatalogues> | undefined;
  const openKept = () => {
    kept ??= openKeptCatalogues(settings.dataDir, logger);
    return kept;
  };
  // Opening the database costs more than a start has to spare: it waits until the servers have settled, or until a
  // document is asked for that no server has told yet.
  const settled = deferred();
  const registry = createRegistry(settings, logger, redactor, {
    keep: (server, content) =>
      void settled.promise.then(openKept).then((catalogues) => catalogues.save(server, content)),
    restore: once(async () => registry.restoreCatalogues(await (await openKept()).load())),
  });
  const calls = new RunningCalls();
  const files = new FileStore();

  const app = once(async () => {
    const { createApp } = await import('./http/app.ts');
    const hasAuthentication = secrets.auth.apiKey !== undefined;
    return createApp({ settings, registry, logger, hasAuthentication, isDraining: () => calls.isDraining });
  });
  const server = await createHttpServer({ settings, authentication, registry, logger, calls, files, app });
  await listen(server, settings);
  // Loaded before the servers are started, since afterwards they would compete for the processor.
  await Promise.all([app(), import('./mcp/open-session.ts')]);
  registry.start();
  void registry.whenSettled().then(settled.resolve);

  return {
    url: toUrl(server, settings),
    registry,
    reload: async (servers, configured) => {
      redactor.add(configured);
      const change = await registry.apply(servers);
      logger.info('configuration reloaded', { ...change });
    },
    stop: once(async () => {
      // The port stays open meanwhile: a load balancer is to read at /readyz that it should go elsewhere.
      const areDone = await calls.drain(settings.drainTimeMs);
      if (!areDone) logger.warn('calls still running at the end of the drain time were cut off');
      await close(server);
      files.close();
      await registry.stop();
      await (await kept)?.close();
    }),
  };
}

/** Makes the registry of the configured servers; nothing is started yet. */
export function createRegistry(
  settings: Settings,
  logger: Logger,
  redactor: Redactor,
  keptCatalogues: CatalogueKeeper,
): ServerRegistry {
  return new ServerRegistry(settings.servers, { openSession, logger, redactor, keptCatalogues });
}

/** Without a database the service runs all the same: documents only wait for their servers after a restart. */
async function openKeptCatalogues(dataDir: string, logger: Logger): Promise<KeptCatalogues> {
  const { KeptCatalogues } = await import('./db/kept-catalogues.ts');
  return KeptCatalogues.open(dataDir, logger);
}

/** The MCP SDK takes a tenth of a second to load: it is, once the port is open. */
async function openSession(options: OpenSessionOptions): Promise<Session> {
  const mcp = await import('./mcp/open-session.ts');
  return mcp.openSession(options);
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => (made ??= make());
}

function listen(server: Server, { host, port }: Settings): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(toListenError(error, host, port)));
    server.listen(port, host, resolve);
  });
}

function toListenError(error: NodeJS.ErrnoException, host: string, port: number): ListenError {
  const what = `Cannot listen on ${host}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE': {
      const owner = portOwner(port) ?? 'another process';
      return new ListenError(`${what}: the port is taken by ${owner}; end it or choose another with --port.`);
    }
    case 'EACCES':
      return new ListenError(`${what}: this user may not; choose a port above 1023 with --port.`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new ListenError(`${what}: this machine has no such address; choose another with --host.`);
    default:
      return new ListenError(`${what}: ${error.code ?? 'unknown error'}.`);
  }
}

function toUrl(server: Server, { host, tls }: Settings): string {
  const { port } = server.address() as AddressInfo;
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const name = isEverywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `${tls ? 'https' : 'http'}://${name}:${port}`;
}

/** Closes the port and what is still connected; answers that were just sent get to their callers first. */
async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CONNECTION_GRACE_MS);
  await closed;
  clearTimeout(timer);
}
