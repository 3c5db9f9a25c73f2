import type { ServerConfig } from '../config/server-config.ts';
import type { Session, SessionSettings } from '../mcp/session.ts';
import type { PlaceholderValues } from '../placeholders/resolve-template.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { redactError } from './failure-reason.ts';
import { resolveSessionSettings } from './resolve-session-settings.ts';
import type { SessionDependencies } from './session-dependencies.ts';

/** As much of a message is read where it is only cut afterwards. */
const READ_BYTES = 32 * 1024 * 1024;
/** A child's last lines may come after its end. */
const LATE_OUTPUT_MS = 5_000;

export type OpeningDependencies = Pick<SessionDependencies, 'openSession' | 'logger' | 'redactor' | 'noteStderr'>;

/** Opens a session of a configured server. Throws `ServiceError`s. */
export function openServerSession(
  config: ServerConfig,
  { openSession, logger, noteStderr }: OpeningDependencies,
  { settings, redact, signal }: { settings: SessionSettings; redact: Redact; signal: AbortSignal },
): Promise<Session> {
  return openSession({
    server: config.name,
    settings,
    startTimeoutMs: config.startTimeoutMs,
    maxResultBytes:
      config.oversizedResults === 'cut' ? Math.max(config.maxResultBytes, READ_BYTES) : config.maxResultBytes,
    signal,
    redact,
    logger,
    onStderrLine: (line) => {
      noteStderr?.(line);
      logger.debug('server wrote to stderr', { server: config.name, line });
    },
  });
}

/**
 * Opens a session with a user's values, which are kept out of the log until it has ended. `latest` returns the values,
 * for headers that are made anew for each exchange those of the latest caller.
 * Throws `ServiceError`s without secrets.
 */
export async function openUserSession(
  config: ServerConfig,
  dependencies: OpeningDependencies,
  latest: () => PlaceholderValues,
  redact: Redact,
  signal: AbortSignal,
): Promise<Session> {
  const values = latest();
  const release = dependencies.redactor.hold(secretsOf(config, values.variables));
  try {
    const settings = resolveSessionSettings(config, values, latest);
    const session = await openServerSession(config, dependencies, { settings, redact, signal });
    void session.closed.then(() => setTimeout(release, LATE_OUTPUT_MS).unref());
    return session;
  } catch (error) {
    release();
    throw redactError(error, redact);
  }
}

/** Opens a session with a user's values for as long as `use` takes. Throws `ServiceError`s without secrets. */
export async function withUserSession<Result>(
  config: ServerConfig,
  dependencies: OpeningDependencies,
  values: PlaceholderValues,
  use: (session: Session, redact: Redact) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const redact = dependencies.redactor.redactorFor(secretsOf(config, values.variables));
  const session = await openUserSession(config, dependencies, () => values, redact, signal);
  try {
    return await use(session, redact);
  } catch (error) {
    throw redactError(error, redact);
  } finally {
    await session.close();
  }
}

/** The values that no text may hold. */
export function secretsOf({ userVars }: ServerConfig, variables: ReadonlyMap<string, string>): readonly string[] {
  return [...variables].filter(([name]) => userVars.get(name)?.sensitive).map(([, value]) => value);
}
