import type { ServerConfig } from '../config/server-config.ts';
import type { OpenSessionOptions, Session } from '../mcp/session.ts';
import { redactError } from './failure-reason.ts';
import { openUserSession } from './open-server-session.ts';
import type { ServerCatalogue } from './server-catalogue.ts';
import { SessionCatalogue } from './session-catalogue.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import { followToolList, readSource } from './tool-list-reader.ts';
import type { UserSession } from './user-session.ts';
import { toPlaceholderValues } from './user-values.ts';

/** What the lists of tools of one server's sessions have in common. */
export interface SessionListing {
  readonly config: ServerConfig;
  readonly dependencies: Pick<SessionDependencies, 'openSession' | 'logger' | 'redactor' | 'noteStderr'>;
  /** Each session's list is offered to it. */
  readonly catalogue: Pick<ServerCatalogue, 'begin' | 'offer'>;
  /** Called when a session that was open has announced another list of tools. */
  readonly onAnnouncedList: () => void;
  /** Which tools are enabled now. */
  readonly toolRules: () => ServerConfig;
  /** The lists of all its sessions: equal ones are kept once. */
  readonly listed: () => readonly (SessionCatalogue | undefined)[];
}

/**
 * Opens a user's session and reads its own list of tools, by which its calls are judged, now and at every change.
 * Rejects without secrets.
 */
export async function openListedSession(
  owned: UserSession,
  variables: ReadonlyMap<string, string>,
  { config, dependencies, catalogue, onAnnouncedList, toolRules, listed }: SessionListing,
  signal: AbortSignal,
): Promise<Session> {
  const { redact } = owned;
  const latest = () => toPlaceholderValues(owned.caller, variables, config);
  const { trace } = owned.caller;
  const openSession = (options: OpenSessionOptions) => dependencies.openSession({ ...options, trace });
  const session = await openUserSession(config, { ...dependencies, openSession }, latest, redact, signal);
  const read = async () => {
    const reading = catalogue.begin();
    const source = await readSource(session, signal);
    const before = owned.tools;
    owned.tools = SessionCatalogue.from(source, toolRules(), listed());
    if (owned.tools === before || signal.aborted) return;
    const { user, isAdmin } = owned.caller;
    await catalogue.offer({ source, owner: user, isAdmin, redact, reading });
    if (before !== undefined) onAnnouncedList();
  };
  try {
    await followToolList(session, { server: config.name, logger: dependencies.logger, redact, read });
    return session;
  } catch (error) {
    await session.close();
    throw redactError(error, redact);
  }
}
