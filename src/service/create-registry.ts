import type { Settings } from '../config/settings.ts';
import type { OpenSessionOptions, Session } from '../mcp/session.ts';
import type { CatalogueCache } from '../servers/catalogue-cache.ts';
import { ServerRegistry } from '../servers/server-registry.ts';
import type { SessionDependencies } from '../servers/session-dependencies.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';

/** What is noted of the sessions of all servers. */
type Notes = Pick<SessionDependencies, 'noteUse' | 'noteCredentials' | 'noteToolChanges' | 'noteRestart'> & {
  /** Called when a session begins to be opened. */
  readonly noteOpening?: (options: OpenSessionOptions, opening: Promise<Session>) => void;
};

/** Makes the registry of the configured servers; nothing is started yet. */
export function createRegistry(
  settings: Settings,
  logger: Logger,
  redactor: Redactor,
  catalogueCache: CatalogueCache,
  { noteOpening, ...notes }: Notes = {},
): ServerRegistry {
  const { servers, sessions: limits, drainTimeMs } = settings;
  const open = (options: OpenSessionOptions) => {
    const opening = openSession(options);
    noteOpening?.(options, opening);
    return opening;
  };
  return new ServerRegistry(servers, {
    openSession: open,
    logger,
    redactor,
    catalogueCache,
    limits,
    drainTimeMs,
    ...notes,
  });
}

/** The MCP SDK takes 33 ms to load, so it is loaded once the port is open. */
async function openSession(options: OpenSessionOptions): Promise<Session> {
  const mcp = await import('../mcp/open-session.ts');
  return mcp.openSession(options);
}
