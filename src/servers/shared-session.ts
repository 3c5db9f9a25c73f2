import type { ServerConfig } from '../config/server-config.ts';
import type { OpenSessionOptions, Session } from '../mcp/session.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redact } from '../telemetry/redactor.ts';
import type { FailureReason } from './failure-reason.ts';
import { resolveSessionSettings } from './resolve-session-settings.ts';
import { type SessionState, SupervisedSession } from './supervised-session.ts';

export interface SharedSessionOptions {
  readonly config: ServerConfig;
  readonly openSession: (options: OpenSessionOptions) => Promise<Session>;
  readonly logger: Logger;
  /** Takes the admin's secrets out of what the server says. */
  readonly redact: Redact;
  readonly prepare: (session: Session, signal: AbortSignal) => Promise<void>;
  readonly onFault: (error: unknown) => void;
  readonly onStateChange: (state: SessionState, why: FailureReason | undefined) => void;
}

/** The session of a server that all callers share; not started yet. */
export function createSharedSession(options: SharedSessionOptions): SupervisedSession {
  const { config, openSession, logger, redact, prepare, onFault, onStateChange } = options;
  return new SupervisedSession({
    server: config.name,
    redact,
    onFault,
    open: (signal) =>
      openSession({
        server: config.name,
        settings: resolveSessionSettings(config, { variables: new Map() }),
        startTimeoutMs: config.startTimeoutMs,
        maxResultBytes: config.maxResultBytes,
        signal,
        redact,
        logger,
        onStderrLine: (line) => logger.debug('server wrote to stderr', { server: config.name, line }),
      }),
    prepare,
    onStateChange,
  });
}
