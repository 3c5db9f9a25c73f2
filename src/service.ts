import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEvent } from './audit/audit-event.ts';
import type { AuditLog } from './audit/audit-log.ts';
import { openAuthentication } from './auth/open-authentication.ts';
import type { ApiKeyWatch } from './auth/watch-api-keys.ts';
import { FileStore } from './bridge/file-store.ts';
import type { CatalogueKeeper } from './bridge/kept-catalogue.ts';
import { ServerRegistry } from './bridge/server-registry.ts';
import type { SessionDependencies } from './bridge/session-dependencies.ts';
import type { Secrets, Settings } from './config/settings.ts';
import { LazyDatabase } from './db/lazy-database.ts';
import { AuditTrail } from './http/audit-trail.ts';
import { createClientAddress } from './http/guards/client-address.ts';
import { RunningCalls } from './http/running-calls.ts';
import { createHttpServer } from './http/server.ts';
import type { OpenSessionOptions, Session } from './mcp/session.ts';
import { openLimits } from './rate-limit/open-limits.ts';
import { createCallerValues } from './service/caller-values.ts';
import { LazyVault } from './service/lazy-vault.ts';
import { closeServer, listen, toUrl } from './service/listen.ts';
import { createReload, type Reload } from './service/reload.ts';
import { watchStoredKeys } from './service/watch-stored-keys.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Redactor } from './telemetry/redactor.ts';

/** A key that is made while servers still start counts after so long at the latest. */
const KEY_WATCH_DELAY_MS = 1_000;

/** A database that has fallen silent must not keep the service from ending; what was on its way then is lost. */
const DATABASE_CLOSE_MS = 3_000;

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
  readonly reload: Reload;
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

  const { dataDir } = settings;
  const { databaseUrl, vaultKey, redisUrl } = secrets;
  const database = new LazyDatabase({ dataDir, databaseUrl }, logger);
  const vault = new LazyVault({
    database,
    keySource: { ...vaultKey, dataDir, hasSharedDatabase: databaseUrl !== undefined },
    keepsLastFour: settings.vault.keepsLastFour,
    logger,
    redactor,
    onChange: (owner, server) => void registry.endOwned(owner, server),
  });
  // Told now rather than to the first user: a service with the wrong keys does not start.
  if (settings.servers.some(({ userVars }) => userVars.size > 0)) await vault.open();
  const tokenSigner = once(async () => {
    const { createUserTokenSigner } = await import('./auth/user-token-signer.ts');
    const keys = await vault.derivedKeys('signing');
    return createUserTokenSigner({ keys, issuer: settings.publicUrl ?? 'mcpo-ts' });
  });
  const settled = deferred();
  // Opening the database costs more than a start has to spare: it waits until the servers have settled, unless keys
  // lie in it, or a document is asked for that no server has told yet.
  const restoreOnce = () => once(async () => registry.restoreCatalogues(await (await database.catalogues()).load()));
  let restore = restoreOnce();
  const restoreAnew = () => {
    restore = restoreOnce();
  };
  const keptCatalogues: CatalogueKeeper = {
    keep: async (server, content) => {
      await settled.promise;
      return (await database.catalogues()).save(server, content);
    },
    restore: () => restore(),
    changed: (server, details) =>
      record({
        eventType: 'tool_definition_change',
        action: 'list',
        resource: server,
        result: 'success',
        details: { ...details },
      }),
  };
  const registry = createRegistry(settings, logger, redactor, keptCatalogues, {
    noteUse: (...use) => vault.note((opened) => opened.noteUse(...use)),
    noteCredentials: (...note) => vault.note((opened) => opened.noteCredentials(...note)),
  });
  const calls = new RunningCalls();
  const files = new FileStore();
  const client = createClientAddress(settings.trustProxy);
  const limits = await openLimits({ ...settings.rateLimit, redisUrl, logger });
  const identity = { authenticator, ring, limits: limits.logIns };

  const app = once(async () => {
    const { createApp } = await import('./http/app.ts');
    return createApp({
      settings,
      registry,
      logger,
      hasAuthentication: () => authenticator.isRequired,
      client,
      limits: () => limits.status(),
      isDraining: () => calls.isDraining,
      vaultPages: once(async () => {
        const { openVaultApp } = await import('./service/open-vault-app.ts');
        return openVaultApp({
          settings,
          vault,
          registry,
          identity,
          callLimit: limits.calls,
          client,
          auditLog,
          tokenSigner,
          logger,
        });
      }),
      keySet: async () => (await tokenSigner()).keySet(),
    });
  });
  const server = await createHttpServer({
    settings,
    identity,
    callLimit: limits.calls,
    client,
    audit: new AuditTrail(auditLog),
    registry,
    logger,
    calls,
    files,
    callerValues: createCallerValues({ vault, settings, client, tokenSigner }),
    app,
  });
  await listen(server, settings);
  record({ eventType: 'process_start', action: 'start', resource: settings.configFile, result: 'success' });
  // Loaded before the servers are started, since afterwards they would compete for the processor.
  await Promise.all([app(), import('./mcp/open-session.ts')]);
  let keyWatch: Promise<ApiKeyWatch | undefined> | undefined;
  const watchKeys = () => {
    keyWatch ??= watchStoredKeys(database, ring, logger, record, hasStoredKeys);
    return keyWatch;
  };
  if (hasStoredKeys) await watchKeys();
  registry.start();
  void registry.whenSettled().then(settled.resolve);
  void Promise.race([settled.promise, delay(KEY_WATCH_DELAY_MS, undefined, { ref: false })]).then(watchKeys);

  return {
    url: toUrl(server, settings),
    registry,
    reload: createReload({ registry, ring, redactor, logger, record, onNewServers: restoreAnew }),
    reopenLogs: async () => auditLog?.reopen(),
    stop: once(async () => {
      // The port stays open meanwhile: a load balancer is to read at /readyz that it should go elsewhere.
      const areDone = await calls.drain(settings.drainTimeMs);
      if (!areDone) logger.warn('calls still running at the end of the drain time were cut off');
      await closeServer(server);
      files.close();
      await registry.stop();
      authentication.close();
      limits.close();
      await within(DATABASE_CLOSE_MS, async () => {
        await (await keyWatch)?.stop();
        await vault.close();
        await database.close();
      });
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
  notes: Pick<SessionDependencies, 'noteUse' | 'noteCredentials'> = {},
): ServerRegistry {
  const { servers, sessions: limits, drainTimeMs } = settings;
  return new ServerRegistry(servers, { openSession, logger, redactor, keptCatalogues, limits, drainTimeMs, ...notes });
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

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

/** Resolves when the work is done, or gives up waiting for it. */
async function within(ms: number, work: () => Promise<void>): Promise<void> {
  const done = new AbortController();
  const tooLong = delay(ms, undefined, { signal: done.signal }).catch(() => undefined);
  await Promise.race([work().finally(() => done.abort()), tooLong]);
}

/** Makes it once; what could not be made is tried again when it is asked for again. */
function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  const forget = (error: unknown): never => {
    made = undefined;
    throw error;
  };
  return () => (made ??= make().catch(forget));
}
