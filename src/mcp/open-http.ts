import { setTimeout as delay } from 'node:timers/promises';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { SessionOpenError } from '../errors.ts';
import { parseUrl } from '../parse-url.ts';
import { createAddressGuard } from './address-guard.ts';
import { CLIENT_INFO, connectClient } from './connect-client.ts';
import { McpSession } from './mcp-session.ts';
import { PendingRequests } from './pending-requests.ts';
import type { OpenSessionOptions, SessionSettings } from './session.ts';
import { toCallError } from './upstream-error.ts';
import { MAX_RESUMPTIONS, Upstream } from './upstream-fetch.ts';
import { toServerHeaders } from './upstream-headers.ts';

const TERMINATE_MS = 1_000;
const REACH_WAIT_MS = 8_000;
const RECONNECTION = {
  initialReconnectionDelay: 500,
  maxReconnectionDelay: 5_000,
  reconnectionDelayGrowFactor: 2,
  maxRetries: MAX_RESUMPTIONS,
};

interface HttpTransport {
  readonly transport: Transport;
  /** Asks the server to end the session. */
  readonly terminateSession: () => Promise<void>;
}

/**
 * Opens a session over one of the HTTP transports. Throws what `toOpenError` understands, and what volatile headers throw.
 */
export async function openHttp(
  { server, startTimeoutMs, maxResultBytes, signal, lookup, reachWaitMs = REACH_WAIT_MS }: OpenSessionOptions,
  transportType: 'streamable-http' | 'sse',
  settings: Exclude<SessionSettings, { type: 'stdio' }>,
): Promise<McpSession> {
  const url = parseHttpUrl(settings.url);
  const headers = { 'user-agent': `${CLIENT_INFO.name}/${CLIENT_INFO.version}`, ...toServerHeaders(settings.headers) };
  const network = settings.refusesPrivateAddresses === true ? { guard: createAddressGuard(lookup) } : { lookup };
  // The transport fetches through the upstream, which knows what is asked over the transport.
  const pending = new PendingRequests(server, async (message) => {
    await transport.send(message as JSONRPCMessage).catch((error: unknown) => {
      throw toCallError(server, error, String(message.method));
    });
  });
  const { volatileHeaders } = settings;
  const upstream = new Upstream({
    transportType,
    url,
    headers,
    volatileHeaders,
    network,
    maxResultBytes,
    pending,
    reachWaitMs,
  });
  const { transport, terminateSession } = await createTransport(transportType, url, upstream);
  const dispose = async (): Promise<void> => {
    await Promise.race([terminateSession().catch(() => {}), delay(TERMINATE_MS, undefined, { ref: false })]);
    await transport.close().catch(() => {});
    upstream.close();
  };
  try {
    const lost = upstream.handshakeLost;
    const connected = await connectClient(transport, { timeoutMs: startTimeoutMs, signal, lost });
    dropStandIns(transport);
    return new McpSession({ ...connected, pending, transportType, pid: undefined, url, startTimeoutMs, dispose });
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Loaded only when used: together they take 20 ms. */
async function createTransport(type: 'streamable-http' | 'sse', url: URL, { fetch }: Upstream): Promise<HttpTransport> {
  if (type === 'sse') {
    const { SSEClientTransport } = await import('@modelcontextprotocol/sdk/client/sse.js');
    return { transport: new SSEClientTransport(url, { fetch }), terminateSession: () => Promise.resolve() };
  }
  const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const transport = new StreamableHTTPClientTransport(url, { fetch, reconnectionOptions: RECONNECTION });
  return { transport: transport as Transport, terminateSession: () => transport.terminateSession() };
}

/** After the handshake the SDK's client asks for nothing more: any answer that it sees only stands in for a real one. */
function dropStandIns(transport: Transport): void {
  const deliver = transport.onmessage;
  transport.onmessage = (message, extra) => {
    if ('method' in message) deliver?.(message, extra);
  };
}

function parseHttpUrl(text: string): URL {
  const url = parseUrl(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new SessionOpenError('its url is not an http or https URL');
}
