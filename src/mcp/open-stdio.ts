import { SessionOpenError } from '../errors.ts';
import { type ChildExit, spawnChild } from '../process/spawn-child.ts';
import { connectClient } from './connect-client.ts';
import { McpSession } from './mcp-session.ts';
import { MessageRouter } from './message-router.ts';
import { PendingRequests } from './pending-requests.ts';
import type { OpenSessionOptions, Session, SessionSettings } from './session.ts';
import { StdioTransport } from './stdio-transport.ts';
import { toCallError } from './upstream-error.ts';

/** A child that broke a pipe is most often about to exit, which says more. */
const EXIT_GRACE_MS = 300;
const MAX_QUOTED_CHARACTERS = 1_000;
const MAX_QUOTED_LINES = 5;

/** Starts a child process and opens a session over its pipes. Throws `SessionOpenError`. */
export async function openStdio(
  { server, startTimeoutMs, maxResultBytes, signal, redact, onStderrLine, logger }: OpenSessionOptions,
  settings: Extract<SessionSettings, { type: 'stdio' }>,
): Promise<Session> {
  const child = await spawnChild({ ...settings, server, redact, onStderrLine });
  let session: McpSession | undefined;
  let failOpening: (error: SessionOpenError) => void = () => {};
  const lost = new Promise<never>((_, reject) => {
    failOpening = reject;
  });
  let isOver = false;
  const end = (reason: string, lastLines: readonly string[]) => {
    isOver = true;
    const detail = quote(lastLines);
    failOpening(new SessionOpenError(`${reason} before it was ready`, detail));
    session?.lose({ reason, detail });
  };
  void child.exited.then(({ reason, lastLines }: ChildExit) => end(`its process ${reason}`, lastLines));
  const pending = new PendingRequests(server);
  const router = new MessageRouter(pending, () => session?.announceToolsChanged());
  const transport = new StdioTransport({
    server,
    child,
    router,
    pending,
    maxResultBytes,
    logger,
    onBroken: (reason) => {
      setTimeout(() => end(`its process ${reason}`, child.lastLines()), EXIT_GRACE_MS).unref();
    },
  });
  pending.connect(
    (message, text) => transport.sendText(text ?? JSON.stringify(message)),
    (error, method) => toCallError(server, error, method),
  );
  try {
    const client = await connectClient(transport, { timeoutMs: startTimeoutMs, signal, lost, redact });
    client.onerror = () => {};
    if (isOver) throw new SessionOpenError('its process ended before it was ready');
    session = new McpSession({
      server,
      client,
      pending,
      transportType: 'stdio',
      pid: child.pid,
      startTimeoutMs,
      dispose: () => transport.close(),
    });
    return session;
  } catch (error) {
    await transport.close();
    const { message, detail } =
      error instanceof SessionOpenError ? error : new SessionOpenError('the MCP handshake failed');
    throw new SessionOpenError(message, detail ?? quote(child.lastLines()));
  }
}

/** What the child said last, for admins. */
function quote(lastLines: readonly string[]): string | undefined {
  const quoted = lastLines.slice(-MAX_QUOTED_LINES).join(' | ');
  if (quoted === '') return undefined;
  const isLong = quoted.length > MAX_QUOTED_CHARACTERS;
  return `its last lines on stderr: ${isLong ? `…${quoted.slice(-MAX_QUOTED_CHARACTERS).toWellFormed()}` : quoted}`;
}
