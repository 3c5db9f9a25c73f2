import type { Server as HttpServer } from 'node:http';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Settings } from '../config/settings.ts';
import type { DatabaseState, LazyDatabase } from '../db/lazy-database.ts';
import type { ReadMetrics } from '../http/metrics/metrics-route.ts';
import type { RunningCalls } from '../http/tool-call/running-calls.ts';
import { ChildUsage } from '../process/child-usage.ts';
import { watchdog } from '../process/watchdog.ts';
import type { Limits } from '../rate-limit/open-limits.ts';
import type { Server } from '../servers/server.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { CallCounts } from '../telemetry/metrics/call-counts.ts';
import type { EventCounts } from '../telemetry/metrics/event-counts.ts';
import { renderMetrics } from '../telemetry/metrics/render.ts';
import { type MetricFamily, Scrape } from '../telemetry/metrics/scrape.ts';
import { readVersion } from '../version.ts';
import { readUsableMemory } from './create-registry.ts';
import { writeServers } from './metrics-of-servers.ts';

/** A database that does not answer by then counts as away; scrapers give up after ten seconds. */
const DATABASE_ANSWER_MS = 1_000;

export interface MetricsSources {
  readonly settings: Settings;
  readonly registry: ServerRegistry;
  readonly calls: RunningCalls;
  readonly callCounts: CallCounts;
  readonly eventCounts: EventCounts;
  readonly limits: Limits;
  readonly auditLog: AuditLog | undefined;
  readonly database: LazyDatabase;
  readonly http: () => HttpServer;
}

/** Reads all metrics. Counters have counted since the start; everything else is looked up now. */
export function createMetrics(sources: MetricsSources): ReadMetrics {
  const children = new ChildUsage();
  const version = { version: readVersion(), node_version: process.version };
  let reading: Promise<readonly MetricFamily[]> | undefined;

  return async (format) => {
    // Scrapes at the same time share one reading.
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return renderMetrics(await reading, format);
  };

  async function read(): Promise<readonly MetricFamily[]> {
    const { registry, callCounts, eventCounts, database, http } = sources;
    const [databaseState, connections, usages] = await Promise.all([
      database.state(DATABASE_ANSWER_MS),
      countConnections(http()),
      children.read(watchdog.groups),
    ]);
    const scrape = new Scrape();
    scrape.add('mcpo_build_info', version, 1);
    const servers = registry.list();
    const names = new Set(servers.map(({ name }) => name));
    writeService(scrape);
    scrape.add('mcpo_http_connections', {}, connections);
    if (databaseState !== undefined) writeDatabase(scrape, databaseState);
    writeServers(scrape, servers);
    callCounts.write(scrape, new Map(servers.map((server) => [server.name, toolsOf(server)])));
    for (const server of names) expectEvents(eventCounts, server);
    eventCounts.write(scrape, names);
    children.keep(names);
    for (const [server, { processes, memoryBytes, cpuSeconds }] of usages ?? []) {
      if (!names.has(server)) continue;
      scrape.add('mcpo_child_processes', { server }, processes);
      scrape.add('mcpo_child_memory_bytes', { server }, memoryBytes);
      scrape.add('mcpo_child_cpu_seconds_total', { server }, cpuSeconds);
    }
    return scrape.families();
  }

  function writeService(scrape: Scrape): void {
    const { settings, registry, calls, limits, auditLog } = sources;
    scrape.add('mcpo_draining', {}, Number(calls.isLeaving));
    scrape.add('mcpo_calls_in_flight', {}, calls.running);
    scrape.add('mcpo_http_connections_max', {}, settings.connections.max);
    scrape.add('mcpo_sessions_max', {}, settings.sessions.maxSessions);
    scrape.add('mcpo_sessions_max_per_user', {}, settings.sessions.maxSessionsPerUser);
    const { totalBytes, availableBytes } = readUsableMemory(settings.sessions.maxMemoryMb);
    scrape.add('mcpo_memory_max_bytes', {}, totalBytes);
    if (availableBytes !== undefined) scrape.add('mcpo_memory_available_bytes', {}, availableBytes);
    const { store, state } = limits.status();
    if (store === 'redis') scrape.add('mcpo_redis_up', {}, Number(state === 'up'));
    if (auditLog !== undefined) {
      const audit = auditLog.status;
      scrape.add('mcpo_audit_events_written_total', {}, audit.written);
      scrape.add('mcpo_audit_events_lost_total', {}, audit.lost);
      scrape.add('mcpo_audit_events_pending', {}, audit.pending);
      scrape.add('mcpo_audit_log_up', {}, Number(audit.state === 'ok'));
    }
    scrape.add('mcpo_config_last_reload_successful', {}, Number(registry.lastReload?.kind !== 'refused'));
    scrape.add('mcpo_config_last_reload_success_timestamp_seconds', {}, registry.configuredAt / 1_000);
  }
}

function writeDatabase(scrape: Scrape, { isUp, lastBackup }: DatabaseState): void {
  scrape.add('mcpo_database_up', {}, Number(isUp));
  if (lastBackup === undefined) return;
  scrape.add('mcpo_last_backup_timestamp_seconds', {}, lastBackup.finishedAt / 1_000);
  scrape.add('mcpo_last_backup_bytes', {}, lastBackup.bytes);
}

/** Shows what has not happened yet as zero. */
function expectEvents(counts: EventCounts, server: string): void {
  counts.count('mcpo_server_restarts_total', { server });
  for (const outcome of ['success', 'failure']) counts.count('mcpo_session_starts_total', { server, outcome });
  for (const cause of ['closed', 'lost']) counts.count('mcpo_session_ends_total', { server, cause });
}

function toolsOf({ catalogue }: Server): readonly string[] {
  return [...(catalogue?.tools.values() ?? [])].map(({ ownName }) => ownName);
}

function countConnections(server: HttpServer): Promise<number> {
  return new Promise((resolve) => server.getConnections((error, count) => resolve(error ? 0 : count)));
}
