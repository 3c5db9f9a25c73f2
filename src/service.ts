import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApiKeyCheck } from './auth/api-key.ts';
import type { CatalogueKeeper } from './bridge/kept-catalogue.ts';
import { ServerRegistry } from './bridge/server-registry.ts';
import type { ServerConfig } from './config/server-config.ts';
import type { Secrets, Settings } from './config/settings.ts';
import type { KeptCatalogues } from './db/kept-catalogues.ts';
import { ListenError } from './errors.ts';
import { createHttpServer } from './http/server.ts';
import type { OpenSessionOptions, Session } from './mcp/session.ts';
import { portOwner } from './process/port-owner.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Redactor } from './telemetry/redactor.ts';

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
  redactor.add([...(secrets.apiKey === undefined ? [] : [secrets.apiKey]), ...secrets.configured]);
  const authentication = {
    checkApiKey: secrets.apiKey === undefined ? undefined : createApiKeyCheck(secrets.apiKey),
  };
  const kept = once(() => openKeptCatalogues(settings.dataDir, logger));
  // Opening the database costs more than a start has to spare: it waits until the servers have settled, or until a
  // document is asked for that no server has told yet.
  const settled = deferred();
  const registry = createRegistry(settings, logger, redactor, {
    keep: (server, content) => void settled.promise.then(kept).then((catalogues) => catalogues.save(server, content)),
    restore: once(async () => registry.restoreCatalogues(await (await kept()).load())),
  });
  let isDraining = false;

  const app = once(async () => {
    const { createApp } = await import('./http/app.ts');
    const hasAuthentication = secrets.apiKey !== undefined;
    return createApp({ settings, registry, logger, hasAuthentication, isDraining: () => isDraining });
  });
  const server = await createHttpServer({ settings, authentication, registry, logger, app });
  await listen(server, settings);
  // Loaded before the servers are started, since afterwards they would compete for the processor.
  await Promise.all([app(), import('./mcp/open-session.ts')]);
  registry.start();
  void registry.whenSettled().then(settled.resolve);

  let stopped: Promise<void> | undefined;
  return {
    url: toUrl(server, settings),
    registry,
    reload: async (servers, configured) => {
      redactor.add(configured);
      const change = await registry.apply(servers);
      logger.info('configuration reloaded', { ...change });
    },
    stop: () => {
      isDraining = true;
      stopped ??= drain(server, settings.drainTimeMs, logger)
        .then(() => registry.stop())
        .then(settled.resolve)
        .then(async () => (await kept()).close());
      return stopped;
    },
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

/** Resolves when no request runs any more, or when the time is up; every connection is closed then. */
function drain(server: Server, drainTimeMs: number, logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      clearInterval(idle);
      server.closeAllConnections();
      resolve();
    };
    const timer = setTimeout(() => {
      logger.warn('calls still running at the end of the drain time were cut off');
      finish();
    }, drainTimeMs);
    // Keep-alive connections count as open until their next request: they are closed as they fall idle.
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    server.close(finish);
    server.closeIdleConnections();
  });
}
