import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEvent } from './audit/audit-event.ts';
import { openAuthentication } from './auth/open-authentication.ts';
import type { ServersFileEdits } from './config/edits/servers-file-edits.ts';
import type { Secrets, Settings } from './config/settings.ts';
import { createAccessLog, logRefusedRequests } from './http/access-log.ts';
import { AuditTrail } from './http/audit-trail.ts';
import { createClientAddress } from './http/guards/trusted-proxies.ts';
import { countRequests } from './http/metrics/count-requests.ts';
import { createHttpServer } from './http/server.ts';
import { ResultFiles } from './http/tool-call/result-files.ts';
import { RunningCalls } from './http/tool-call/running-calls.ts';
import { createUserLinks } from './http/user-links.ts';
import { openLimits } from './rate-limit/open-limits.ts';
import type { CatalogueCache } from './servers/catalogue-cache.ts';
import type { ServerRegistry } from './servers/server-registry.ts';
import { createCallerValues } from './service/caller-values.ts';
import { Closers } from './service/closers.ts';
import { countEvents } from './service/count-events.ts';
import { createRegistry } from './service/create-registry.ts';
import { drain } from './service/drain.ts';
import { lazyApp } from './service/lazy-app.ts';
import { closeServer, listen, toUrl } from './service/listen.ts';
import { openAudit } from './service/open-audit.ts';
import { openMetrics } from './service/open-metrics.ts';
import { openStorage } from './service/open-storage.ts';
import { openTelemetry } from './service/open-telemetry.ts';
import { createReload, type Reload } from './service/reload.ts';
import { writeRuntimeFile } from './service/runtime-file.ts';
import { sayWhereProvidersLeadBack } from './service/say-where-providers-lead-back.ts';
import type { Logger } from './telemetry/logger.ts';
import { CallCounts } from './telemetry/metrics/call-counts.ts';
import { EventCounts } from './telemetry/metrics/event-counts.ts';
import type { Redactor } from './telemetry/redactor.ts';

/** What waits for the servers' first start waits no longer: one of them may take minutes. */
const SETTLE_MS = 30_000;

/** A key that is made while servers still start counts after so long at the latest. */
const KEY_WATCH_DELAY_MS = 1_000;

export interface ServiceOptions {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly logger: Logger;
  readonly redactor: Redactor;
  /** The database holds API keys: every request is rejected until they are read. */
  readonly hasStoredKeys: boolean;
  /** The servers file, where admins may edit it. */
  readonly edits?: ServersFileEdits | undefined;
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

/**
 * Builds every resource, in order. The port is open when this resolves; the servers are still starting. Where a
 * resource cannot be opened, those opened before are closed again before this rejects.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const closers = new Closers(options.logger);
  try {
    return await openService(options, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function openService(options: ServiceOptions, closers: Closers): Promise<Service> {
  const { settings, secrets, logger, redactor, hasStoredKeys } = options;
  const { dataDir } = settings;
  const { redisUrl } = secrets;
  redactor.add(secrets.configured);
  const { tracing, reports, observers } = await openTelemetry(settings, secrets, redactor, logger, closers);
  const authentication = await openAuthentication(secrets.auth, logger);
  closers.add('connections to issuers', () => authentication.close());
  const { ring, authenticator } = authentication;
  if (hasStoredKeys) {
    ring.requireKey();
    ring.expectDatabase();
  }
  const auditLog = await openAudit(settings, secrets, logger, redactor);
  closers.add('audit log', () => auditLog?.close());
  const callCounts = new CallCounts();
  const eventCounts = new EventCounts();
  const events = countEvents(eventCounts);
  const record = (event: AuditEvent) => {
    events.onAuditEvent(event);
    auditLog?.record(event);
  };

  const storage = openStorage(
    { settings, secrets, ring, auditLog, logger, redactor, record, hasStoredKeys, events },
    closers,
  );
  const { database, vault, storedKeys, auditAnchor } = storage;
  authenticator.linkPersonsWith(storage);

  const settled = deferred();
  // Opening the database costs more than a start has to spare: it waits until the servers have settled, unless keys
  // are stored in it, or a document is requested whose server has not listed its tools yet.
  const catalogueCache: CatalogueCache = {
    load: (server) => database.catalogues.load(server),
    save: async (server, content) => {
      await settled.promise;
      return database.catalogues.save(server, content);
    },
  };
  const registry = createRegistry(settings, logger, redactor, catalogueCache, {
    tracing,
    noteFailed: reports?.serverFailed,
    noteToolChanges: (resource, { ...details }) =>
      record({ eventType: 'tool_definition_change', action: 'list', resource, result: 'success', details }),
    noteUse: (...use) => vault.note((opened) => opened.noteUse(...use)),
    noteRestart: events.noteRestart,
    noteOpening: events.noteOpening,
    noteCredentials: (...note) => vault.note((opened) => opened.noteCredentials(...note)),
  });
  closers.add('sessions', () => registry.stop());
  vault.endSessionsOf(registry);
  // With the wrong keys the service does not start, instead of failing for its first user.
  if (settings.servers.some(({ userVars }) => userVars.size > 0)) await vault.open();

  const calls = new RunningCalls();
  const files = new ResultFiles();
  const client = createClientAddress(settings.trustProxy);
  const limits = await openLimits({ ...settings.rateLimit, redisUrl, logger, onRefused: events.onLimited });
  closers.add('connection to Redis', () => limits.close());
  const instance = randomUUID();
  const shared = {
    settings,
    identity: { authenticator, ring, limits: limits.logIns },
    callLimit: limits.calls,
    client,
    registry,
    logger,
  };
  const toUserLink = createUserLinks(settings, client, logger);
  const pages = {
    ...shared,
    storage,
    authentication,
    redactor,
    toUserLink,
    edits: options.edits,
    auditLog,
    record,
    calls,
    limits,
    instance,
  };
  const app = lazyApp(pages, closers);
  const callerValues = createCallerValues(vault, toUserLink);
  const sources = { settings, registry, calls, callCounts, eventCounts, limits, auditLog, database };
  const readMetrics = await openMetrics({ ...sources, http: () => server }, logger, closers);
  const server = await createHttpServer({
    ...shared,
    audit: auditLog && new AuditTrail(auditLog, client),
    calls,
    files,
    callerValues,
    observers: [
      countRequests(callCounts, eventCounts, settings),
      ...(settings.accessLog ? [createAccessLog(settings, logger)] : []),
      ...observers,
    ],
    onConnectionRefused: events.onConnectionRefused,
    readMetrics,
    tracing,
    app: () => app.get(),
  });
  if (settings.accessLog) logRefusedRequests(server, settings, logger);
  closers.add('port', () => closeServer(server));
  await listen(server, settings);
  const runtimeFile = writeRuntimeFile(dataDir, { url: toUrl(server, settings), instance });
  closers.add('file for health checks', () => runtimeFile.remove());
  sayWhereProvidersLeadBack(secrets.auth.logIn, settings, logger);
  closers.add('running calls', () => drain({ calls, server, registry, settings, logger }));
  record({ eventType: 'process_start', action: 'start', resource: settings.configFile, result: 'success' });

  // Loaded before the servers are started, since afterwards they would compete for the processor.
  await Promise.all([app.get(), import('./mcp/open-session.ts')]);
  if (hasStoredKeys) await storedKeys.get();
  registry.start();
  void registry.whenSettled(SETTLE_MS).then(settled.resolve);
  void settled.promise.then(async () => (await auditAnchor.get())?.note());
  const isTimeToWatch = Promise.race([settled.promise, delay(KEY_WATCH_DELAY_MS, undefined, { ref: false })]);
  void isTimeToWatch.then(() => storedKeys.get());
  return {
    url: toUrl(server, settings),
    registry,
    reload: createReload(registry, authentication, redactor, logger, record),
    reopenLogs: async () => auditLog?.reopen(),
    stop: () => closers.close(),
  };
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
