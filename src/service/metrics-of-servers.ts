import type { Confinement } from '../config/server-config.ts';
import type { Server } from '../servers/server.ts';
import type { Scrape } from '../telemetry/metrics/scrape.ts';

const STATES = ['starting', 'ready', 'degraded', 'backing off', 'failed', 'stopped'] as const;
const MIB = 1024 * 1024;

/** What the configured servers are doing now, and what they may use up. */
export function writeServers(scrape: Scrape, servers: readonly Server[]): void {
  for (const server of servers) {
    writeState(scrape, server);
    writeSessions(scrape, server);
    writeLimits(scrape, server);
  }
}

function writeState(scrape: Scrape, { name: server, config, status, catalogue, generations }: Server): void {
  const { isolation, required, transport } = config;
  scrape.add('mcpo_server_info', { server, transport: transport.type, isolation, required: String(required) }, 1);
  for (const state of STATES) {
    const label = state.replace(' ', '_');
    scrape.add('mcpo_server_state', { server, state: label }, status.state === state ? 1 : 0);
  }
  scrape.add('mcpo_server_tools', { server }, catalogue?.tools.size ?? 0);
  const { running, waiting } = generations.calls();
  scrape.add('mcpo_calls_running', { server }, running);
  scrape.add('mcpo_calls_queued', { server }, waiting);
}

function writeSessions(scrape: Scrape, { name: server, config, generations }: Server): void {
  // Shown even if there are none, so that a panel or an alert has something to compare.
  const counts = new Map([[`${config.isolation} ready`, 0]]);
  for (const { owner, chatId, state } of generations.sessions()) {
    const kind = owner === undefined ? 'shared' : chatId === undefined ? 'user' : 'chat';
    const key = `${kind} ${state}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  for (const [key, count] of counts) {
    const [kind = '', state = ''] = key.split(' ', 2);
    scrape.add('mcpo_sessions', { server, kind, state }, count);
  }
}

function writeLimits(scrape: Scrape, { name: server, config, maxSessions }: Server): void {
  const { maxConcurrency, isolation, transport } = config;
  if (isolation !== 'shared') scrape.add('mcpo_server_max_sessions', { server }, maxSessions);
  scrape.add('mcpo_server_max_concurrency', { server }, maxConcurrency);
  if (transport.type !== 'stdio') return;
  const { sandbox, runAs, limits = {} }: Partial<Confinement> = transport.confinement ?? {};
  scrape.add('mcpo_server_sandboxed', { server }, sandbox === undefined ? 0 : 1);
  scrape.add('mcpo_server_run_as', { server }, runAs === undefined ? 0 : 1);
  const { memoryMb, cpuSeconds, processes, files } = limits;
  if (memoryMb !== undefined) scrape.add('mcpo_server_limit_memory_bytes', { server }, memoryMb * MIB);
  if (cpuSeconds !== undefined) scrape.add('mcpo_server_limit_cpu_seconds', { server }, cpuSeconds);
  if (processes !== undefined) scrape.add('mcpo_server_limit_processes', { server }, processes);
  if (files !== undefined) scrape.add('mcpo_server_limit_files', { server }, files);
}
