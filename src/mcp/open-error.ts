import { ServiceError, SessionOpenError } from '../errors.ts';
import type { OpenSessionOptions } from './session.ts';
import { credentialsRefused, UpstreamError } from './upstream-error.ts';

/** Characters of what a server says of its refusal. */
const MAX_SAID = 500;

/**
 * Why a session could not be opened. What the SDK throws may print what the server sent: only its kind is public, and what
 * the server said is for admins.
 */
export function toOpenError(error: unknown, { server, redact }: OpenSessionOptions): ServiceError {
  if (error instanceof ServiceError) return error;
  if (error instanceof UpstreamError) {
    if (!error.isCredentialProblem) return new SessionOpenError(error.reason);
    return credentialsRefused(server, error.facts.status);
  }
  const { code, issues, message } = error as { code?: unknown; issues?: unknown; message?: unknown };
  if (Array.isArray(issues)) {
    const path = (issues[0] as { path?: unknown[] } | undefined)?.path?.join('.') ?? '';
    return new SessionOpenError('its answer to the MCP handshake is malformed', path && redact(`at ${path}`, MAX_SAID));
  }
  if (typeof code === 'number' && code >= 300 && code < 400) {
    return new SessionOpenError(`it redirects elsewhere (HTTP ${code}), which is not followed`);
  }
  if (typeof message === 'string' && message.startsWith("Server's protocol version is not supported")) {
    const version = /[\w.-]{1,40}$/.exec(message)?.[0] ?? 'unknown';
    return new SessionOpenError('it speaks a version of MCP that is not supported', redact(`version ${version}`));
  }
  if (typeof code === 'number' && typeof message === 'string') {
    const said = redact(message.replace(/^MCP error -?\d+: /, ''), MAX_SAID);
    return new SessionOpenError(`it refused the MCP handshake (${code})`, `it said: ${said}`);
  }
  return new SessionOpenError('the MCP handshake failed');
}
