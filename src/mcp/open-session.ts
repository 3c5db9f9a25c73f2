import { CredentialsRefusedError, SessionOpenError } from '../errors.ts';
import type { McpSession } from './mcp-session.ts';
import { toOpenError } from './open-error.ts';
import { openHttp } from './open-http.ts';
import { openStdio } from './open-stdio.ts';
import type { OpenSessionOptions, Session, SessionSettings } from './session.ts';
import { openTraced } from './session-trace.ts';
import { UpstreamError } from './upstream-error.ts';

type HttpSettings = Exclude<SessionSettings, { type: 'stdio' }>;

/** Refusals that say nothing about the transport: the other one would fare no better. */
const NOT_ABOUT_TRANSPORT = new Set([401, 403, 407, 408, 425, 429]);

/**
 * Opens a session: reaches the server and does the MCP handshake, within `startTimeoutMs`; nothing stays behind on
 * failure. Throws `SessionOpenError` with a public reason and, for admins, what the server said,
 * `CredentialsRefusedError`, and what volatile headers throw.
 */
export function openSession(options: OpenSessionOptions): Promise<Session> {
  return options.tracing === undefined ? openUntraced(options) : openTraced(options, openUntraced);
}

async function openUntraced(options: OpenSessionOptions): Promise<McpSession> {
  const { settings } = options;
  try {
    if (settings.type === 'stdio') return await openStdio(options, settings);
    if (settings.type === 'auto') return await openEither(options, settings);
    return await openHttp(options, settings.type, settings);
  } catch (error) {
    throw toOpenError(error, options);
  }
}

/** Streamable HTTP first, SSE where that is not spoken (MCP, "Transports", "Backwards Compatibility"). */
async function openEither(options: OpenSessionOptions, settings: HttpSettings): Promise<McpSession> {
  const startedAt = performance.now();
  let first: UpstreamError;
  try {
    return await openHttp(options, 'streamable-http', settings);
  } catch (error) {
    if (!(error instanceof UpstreamError) || !error.isRefusal) throw error;
    if (NOT_ABOUT_TRANSPORT.has(error.facts.status ?? 0)) throw error;
    first = error;
  }
  const startTimeoutMs = Math.max(1, Math.ceil(options.startTimeoutMs - (performance.now() - startedAt)));
  try {
    return await openHttp({ ...options, startTimeoutMs }, 'sse', settings);
  } catch (error) {
    const second = toOpenError(error, options);
    if (second instanceof CredentialsRefusedError) throw second;
    const { detail } = second as { readonly detail?: string };
    throw new SessionOpenError(`streamable HTTP: ${first.reason}; SSE: ${second.message}`, detail);
  }
}
