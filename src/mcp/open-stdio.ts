import { SessionOpenError } from '../errors.ts';
import { spawnChild } from '../process/spawn-child.ts';
import { connectClient } from './connect-client.ts';
import { McpSession } from './mcp-session.ts';
import { toOpenError } from './open-error.ts';
import type { OpenSessionOptions, Session, SessionSettings } from './session.ts';
import { StdioTransport } from './stdio-transport.ts';

/** A child that broke a pipe is most often about to exit, which says more. */
const EXIT_GRACE_MS = 300;
const MAX_QUOTED_CHARACTERS = 1_000;
const MAX_QUOTED_LINES = 5;

/** Starts a child process and opens a session over its pipes. Throws `SessionOpenError`. */
export async function openStdio(
  options: OpenSessionOptions,
  settings: Extract<SessionSettings, { type: 'stdio' }>,
): Promise<Session> {
  const { server, startTimeoutMs, maxResultBytes, signal, redact, onStderrLine, logger } = options;
  const child = await spawnChild({ ...settings, server, redact, onStderrLine });
  const end = (reason: string) => pending.end({ reason: `its process ${reason}`, detail: quote(child.lastLines()) });
  const onBroken = (reason: string) => void setTimeout(() => end(reason), EXIT_GRACE_MS).unref();
  const transport = new StdioTransport({ server, child, maxResultBytes, logger, onBroken });
  const { pending } = transport;
  void child.exited.then(end);
  const lost = pending.ended.then(({ reason, detail }) => {
    throw new SessionOpenError(`${reason} before it was ready`, detail);
  });
  const dispose = () => transport.close();
  try {
    const client = await connectClient(transport, { timeoutMs: startTimeoutMs, signal, lost });
    return new McpSession({ client, pending, transportType: 'stdio', pid: child.pid, startTimeoutMs, dispose });
  } catch (error) {
    await dispose();
    const { message, detail }: { message: string; detail?: string | undefined } = toOpenError(error, options);
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
