import { availableParallelism } from 'node:os';
import type { Settings } from '../config/settings.ts';
import type { OpenSessionOptions, Session } from '../mcp/session.ts';
import { type Memory, memoryOfTree, readMemory } from '../process/memory.ts';
import type { CatalogueCache } from '../servers/catalogue-cache.ts';
import { ServerRegistry } from '../servers/server-registry.ts';
import type { SessionDependencies } from '../servers/session-dependencies.ts';
import { deriveMaxProcesses, StartBudget } from '../servers/start-budget.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import type { Tracing } from '../telemetry/trace.ts';

const MIB = 1024 * 1024;
/** Measured: with more, all that start at once are late; with fewer, a processor waits. */
const STARTS_PER_PROCESSOR = 4;

/** What is noted of the sessions of all servers. */
type Notes = Pick<
  SessionDependencies,
  'noteUse' | 'noteCredentials' | 'noteToolChanges' | 'noteRestart' | 'noteFailed'
> & {
  /** Records how they are opened. */
  readonly tracing?: Tracing | undefined;
  /** Called when a session begins to be opened. */
  readonly noteOpening?: (options: OpenSessionOptions, opening: Promise<Session>) => void;
};

/** Makes the registry of the configured servers; nothing is started yet. */
export function createRegistry(
  settings: Settings,
  logger: Logger,
  redactor: Redactor,
  catalogueCache: CatalogueCache,
  { tracing, noteOpening, ...notes }: Notes = {},
): ServerRegistry {
  const { servers, sessions, drainTimeMs } = settings;
  const { limits, startBudget } = toSizes(sessions, logger);
  const open = (options: OpenSessionOptions) => {
    const opening = openSession(tracing === undefined ? options : { ...options, tracing });
    noteOpening?.(options, opening);
    return opening;
  };
  return new ServerRegistry(servers, {
    openSession: open,
    logger,
    redactor,
    catalogueCache,
    limits,
    startBudget,
    drainTimeMs,
    ...notes,
  });
}

/** What is not configured follows from the machine, or from the limits of the container. */
function toSizes({ maxMemoryMb, ...limits }: Settings['sessions'], logger: Logger) {
  const read = () => readUsableMemory(maxMemoryMb);
  const memory = read();
  const maxProcesses = deriveMaxProcesses(memory);
  const maxStarting = Math.max(2, availableParallelism() * STARTS_PER_PROCESSOR);
  const startBudget = new StartBudget({ maxStarting, readMemory: read, memoryOfTree });
  logger.debug('sizes', { memoryMb: Math.round(memory.totalBytes / MIB), ...limits, maxProcesses, maxStarting });
  return { limits: { ...limits, maxProcesses }, startBudget };
}

/**
 * The memory of the machine or the container, within `MCPO_MAX_MEMORY_MB`: what the service and its child processes have
 * for themselves is counted against that.
 */
export function readUsableMemory(maxMemoryMb: number | undefined): Memory {
  const memory = readMemory();
  if (maxMemoryMb === undefined) return memory;
  const totalBytes = maxMemoryMb * MIB;
  const used = memoryOfTree(process.pid);
  const { availableBytes } = memory;
  const left = used === undefined ? undefined : totalBytes - used;
  return {
    totalBytes: Math.min(memory.totalBytes, totalBytes),
    availableBytes: left === undefined ? availableBytes : Math.min(availableBytes ?? left, left),
  };
}

/** The MCP SDK takes 33 ms to load, so it is loaded once the port is open. */
async function openSession(options: OpenSessionOptions): Promise<Session> {
  const mcp = await import('../mcp/open-session.ts');
  return mcp.openSession(options);
}
