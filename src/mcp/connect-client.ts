import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { jsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/types.js';
import { ServiceError, SessionOpenError } from '../errors.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { readVersion } from '../version.ts';
import { UpstreamError } from './upstream-error.ts';

/** The name and version that servers see; the version is the package's. */
export const CLIENT_INFO = { name: 'mcpo-ts', version: readVersion() };

/** Results are judged elsewhere: without this the SDK sets up a schema validator for every session. */
const noValidation: jsonSchemaValidator = {
  getValidator: () => () => ({ valid: false, data: undefined, errorMessage: 'not validated here' }),
};

/** Characters of what a server says of its refusal. */
const MAX_SAID = 500;

export interface ConnectOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Rejects when the other side is found to be gone. */
  readonly lost: Promise<never>;
  /** Takes secrets out of what the server says. */
  readonly redact: Redact;
}

/**
 * Does the MCP handshake. We declare no capabilities: a server that asks for sampling, elicitation or roots all the
 * same is told "method not found". Throws `SessionOpenError`, `UpstreamError` and what volatile headers throw; the transport is the caller's to close.
 */
export async function connectClient(transport: Transport, options: ConnectOptions): Promise<Client> {
  const { timeoutMs, signal, lost, redact } = options;
  const client = new Client(CLIENT_INFO, { capabilities: {}, jsonSchemaValidator: noValidation });
  let stop: () => void = () => {};
  const stopped = new Promise<never>((_, reject) => {
    const timer = setTimeout(
      () => reject(new SessionOpenError(`it did not answer the MCP handshake within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    const abort = () => reject(new SessionOpenError('it was no longer wanted before it was ready'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    stop = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
  });
  // Ours is the only timer: the SDK's own would send a cancellation that the specification forbids for `initialize`.
  const connected = client.connect(transport, { timeout: 2 ** 31 - 1 });
  connected.catch(() => {});
  lost.catch(() => {});
  try {
    await Promise.race([connected, stopped, lost]);
  } catch (error) {
    throw toOpenError(error, redact);
  } finally {
    stop();
  }
  return client;
}

/** What the SDK throws may print what the server sent: only its kind is public. */
function toOpenError(error: unknown, redact: Redact): ServiceError | UpstreamError {
  if (error instanceof ServiceError || error instanceof UpstreamError) return error;
  const { code, issues, message } = error as { code?: unknown; issues?: unknown; message?: unknown };
  if (Array.isArray(issues)) {
    const path = (issues[0] as { path?: unknown[] } | undefined)?.path?.join('.') ?? '';
    return new SessionOpenError('its answer to the MCP handshake is malformed', path && redact(`at ${path}`, MAX_SAID));
  }
  if (typeof code === 'number' && code >= 300 && code < 400) {
    return new UpstreamError({ reason: `it redirects elsewhere (HTTP ${code}), which is not followed`, status: code });
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
