import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEvent } from './audit/audit-event.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { ApiKeyRecord } from './auth/auth-settings.ts';
import { openAuthentication } from './auth/open-authentication.ts';
import type { ApiKeyWatch } from './auth/watch-api-keys.ts';
import { FileStore } from './bridge/file-store.ts';
import type { CatalogueKeeper } from './bridge/kept-catalogue.ts';
import { ServerRegistry } from './bridge/server-registry.ts';
import type { ServerConfig } from './config/server-config.ts';
import type { Secrets, Settings } from './config/settings.ts';
import { LazyDatabase } from './db/lazy-database.ts';
import { AuditTrail } from './http/audit-trail.ts';
import { createClientAddress } from './http/guards/client-address.ts';
import { RunningCalls } from './http/running-calls.ts';
import { createHttpServer } from './http/server.ts';
import type { OpenSessionOptions, Session } from './mcp/session.ts';
import { DEFAULT_ADDRESS_RATE, LogInLimits } from './rate-limit/log-in-limits.ts';
import { RateLimit } from './rate-limit/rate-limit.ts';
import { closeServer, listen, toUrl } from './service/listen.ts';
import { watchStoredKeys } from './service/watch-stored-keys.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Redactor } from './telemetry/redactor.ts';

/** A key that is made while servers still start counts after so long at the latest. */
const KEY_WATCH_DELAY_MS = 1_000;

export interface ServiceOptions {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly logger: Logger;
  readonly redactor: Redactor;
  /** The database holds API keys, so that nobody is let in before they are read. */
  readonly hasStoredKeys: boolean;
}

export interface Service {
  /** Where it listens, as a URL that works on this machine, without a slash at the end. */
  readonly url: string;
  readonly registry: ServerRegistry;
  /** Takes over a changed configuration: its servers, its API keys, and the values that must never be printed. */
  reload(changed: {
    readonly servers: readonly ServerConfig[];
    readonly keys: readonly ApiKeyRecord[];
    readonly secrets: readonly string[];
  }): Promise<void>;
  /** Opens the audit log anew after another program has moved it. */
  reopenLogs(): Promise<void>;
  /** Stops taking calls, lets running ones finish within the drain time, and ends every child process. Idempotent. */
  stop(): Promise<void>;
}

/** Builds every resource, in order. The port is open when this resolves; the servers are still starting. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { settings, secrets, logger, redactor, hasStoredKeys } = options;
  redactor.add(secrets.configured);
  const authentication = await openAuthentication(secrets.auth, logger);
  const { ring, authenticator } = authentication;
  if (hasStoredKeys) {
    ring.requireKey();
    ring.expectDatabase();
  }
  const auditLog = await openAudit(settings, secrets, logger, redactor);
  const record = (event: AuditEvent) => auditLog?.recordDone(event);

  const database = new LazyDatabase(settings.dataDir, logger);
  const settled = deferred();
  // Opening the database costs more than a start has to spare: it waits until the servers have settled, unless keys
  // lie in it, or a document is asked for that no server has told yet.
  const registry = createRegistry(settings, logger, redactor, {
    keep: async (server, content) => {
      await settled.promise;
      return (await database.catalogues()).save(server, content);
    },
    restore: once(async () => registry.restoreCatalogues(await (await database.catalogues()).load())),
    changed: (server, details) =>
      record({
        eventType: 'tool_definition_change',
        action: 'list',
        resource: server,
        result: 'success',
        details: { ...details },
      }),
  });
  const calls = new RunningCalls();
  const files = new FileStore();
  const client = createClientAddress(settings.trustProxy);

  const app = once(async () => {
    const { createApp } = await import('./http/app.ts');
    const hasAuthentication = () => authenticator.isRequired;
    return createApp({ settings, registry, logger, hasAuthentication, client, isDraining: () => calls.isDraining });
  });
  const server = await createHttpServer({
    settings,
    identity: { authenticator, ring, limits: toLogInLimits(settings) },
    callLimit: toCallLimit(settings),
    client,
    audit: new AuditTrail(auditLog),
    registry,
    logger,
    calls,
    files,
    app,
  });
  await listen(server, settings);
  record({ eventType: 'process_start', action: 'start', resource: settings.configFile, result: 'success' });
  // Loaded before the servers are started, since afterwards they would compete for the processor.
  await Promise.all([app(), import('./mcp/open-session.ts')]);
  let keyWatch: Promise<ApiKeyWatch | undefined> | undefined;
  const watchKeys = () => {
    keyWatch ??= watchStoredKeys(database, ring, logger, record);
    return keyWatch;
  };
  if (hasStoredKeys) await watchKeys();
  registry.start();
  void registry.whenSettled().then(settled.resolve);
  void Promise.race([settled.promise, delay(KEY_WATCH_DELAY_MS, undefined, { ref: false })]).then(watchKeys);

  return {
    url: toUrl(server, settings),
    registry,
    reload: async ({ servers, keys, secrets: configured }) => {
      redactor.add(configured);
      ring.replace('file', keys);
      const change = await registry.apply(servers);
      logger.info('configuration reloaded', { ...change });
      record({ eventType: 'reload', action: 'reload', result: 'success', details: { ...change } });
    },
    reopenLogs: async () => auditLog?.reopen(),
    stop: once(async () => {
      // The port stays open meanwhile: a load balancer is to read at /readyz that it should go elsewhere.
      const areDone = await calls.drain(settings.drainTimeMs);
      if (!areDone) logger.warn('calls still running at the end of the drain time were cut off');
      await closeServer(server);
      files.close();
      await registry.stop();
      authentication.close();
      await (await keyWatch)?.stop();
      await database.close();
      await auditLog?.close();
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

/** The MCP SDK takes a tenth of a second to load: it is, once the port is open. */
async function openSession(options: OpenSessionOptions): Promise<Session> {
  const mcp = await import('./mcp/open-session.ts');
  return mcp.openSession(options);
}

async function openAudit(
  { audit, dataDir }: Settings,
  secrets: Secrets,
  logger: Logger,
  redactor: Redactor,
): Promise<AuditLog | undefined> {
  if (audit.file === undefined) return undefined;
  const { openAuditLog } = await import('./audit/audit-log.ts');
  const { loadAuditKey } = await import('./audit/audit-key.ts');
  const key = loadAuditKey({ value: secrets.auditKey, file: undefined, dataDir }, logger);
  return openAuditLog({ ...audit, file: audit.file, key, logger, redact: (text) => redactor.redact(text) });
}

function toLogInLimits({ rateLimit }: Settings): LogInLimits {
  return new LogInLimits({ address: DEFAULT_ADDRESS_RATE, failures: rateLimit.authFailures });
}

function toCallLimit({ rateLimit: { calls } }: Settings): RateLimit | undefined {
  return calls === 'off' ? undefined : new RateLimit({ rate: calls, tooMuch: 'Too many calls' });
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
