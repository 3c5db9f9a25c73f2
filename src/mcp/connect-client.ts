import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { jsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/types.js';
import { SessionOpenError } from '../errors.ts';
import { readVersion } from '../version.ts';

/** The name and version that servers see; the version is the package's. */
export const CLIENT_INFO = { name: 'mcpo-ts', version: readVersion() };

/** Results are judged elsewhere: without this the SDK sets up a schema validator for every session. */
const noValidation: jsonSchemaValidator = {
  getValidator: () => () => ({ valid: false, data: undefined, errorMessage: 'not validated here' }),
};

export interface ConnectOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Rejects when the other side is found to be gone. */
  readonly lost: Promise<never>;
}

/**
 * Does the MCP handshake. We declare no capabilities: a server that asks for sampling, elicitation or roots all the
 * same gets "method not found". Throws what `toOpenError` understands; the transport is the caller's to close.
 */
export async function connectClient(
  transport: Transport,
  { timeoutMs, signal, lost }: ConnectOptions,
): Promise<{ readonly client: Client; readonly protocolVersion: string | undefined }> {
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
  // The SDK's client says what was negotiated to its transport alone.
  let protocolVersion: string | undefined;
  const setProtocolVersion = transport.setProtocolVersion?.bind(transport);
  transport.setProtocolVersion = (version) => {
    protocolVersion = version;
    setProtocolVersion?.(version);
  };
  // Ours is the only timer: the SDK's own would send a cancellation that the specification forbids for `initialize`.
  const connected = client.connect(transport, { timeout: 2 ** 31 - 1 });
  connected.catch(() => {});
  lost.catch(() => {});
  try {
    await Promise.race([connected, stopped, lost]);
  } finally {
    stop();
  }
  return { client, protocolVersion };
}
