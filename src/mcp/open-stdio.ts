import { stripVTControlCharacters } from 'node:util';
import { SessionOpenError } from '../errors.ts';
import { hasChildProcesses } from '../process/process-group.ts';
import { spawnChild } from '../process/spawn-child.ts';
import { CHARACTERS_BEFORE_CUT, type Redact } from '../telemetry/redactor.ts';
import { connectClient } from './connect-client.ts';
import { McpSession } from './mcp-session.ts';
import { toOpenError } from './open-error.ts';
import type { OpenSessionOptions, SessionSettings } from './session.ts';
import { describeStartEvidence, quote } from './start-evidence.ts';
import { StdioTransport } from './stdio-transport.ts';

/** A child that broke a pipe is most often about to exit, which says more. */
const EXIT_GRACE_MS = 300;
const MAX_NOISE_CHARACTERS = 200;

/** Starts a child process and opens a session over its pipes. Throws `SessionOpenError`. */
export async function openStdio(
  options: OpenSessionOptions,
  settings: Extract<SessionSettings, { type: 'stdio' }>,
): Promise<McpSession> {
  const { server, startTimeoutMs, maxResultBytes, signal, redact, onStderrLine, logger } = options;
  const child = await spawnChild({ ...settings, server, redact, onStderrLine });
  const end = (reason: string) => pending.end({ reason: `its process ${reason}`, detail: quote(child.lastLines()) });
  const onBroken = (reason: string) => void setTimeout(() => end(reason), EXIT_GRACE_MS).unref();
  const transport = new StdioTransport({ server, child, maxResultBytes, logger, onBroken });
  const { pending } = transport;
  void child.exited.then(end);
  let hasEnded = false;
  const lost = pending.ended.then(({ reason }) => {
    hasEnded = true;
    throw new SessionOpenError(`${reason} before it was ready`);
  });
  const dispose = () => transport.close();
  try {
    const connected = await connectClient(transport, { timeoutMs: startTimeoutMs, signal, lost });
    return new McpSession({ ...connected, pending, transportType: 'stdio', pid: child.pid, startTimeoutMs, dispose });
  } catch (error) {
    // It ends now if it has not.
    const isSilent = !hasEnded;
    const hasChildren = isSilent ? hasChildProcesses(child.pid) : undefined;
    await dispose();
    const { message, detail }: { message: string; detail?: string | undefined } = toOpenError(error, options);
    const { command, args, withheld = [] } = settings;
    const evidence = describeStartEvidence({
      command,
      args,
      withheld,
      lines: child.lastLines(),
      noise: cleanNoise(transport.lastNoise, redact),
      isSilent,
      hasChildren,
    });
    throw new SessionOpenError(message, detail ?? evidence);
  }
}

function cleanNoise(line: string | undefined, redact: Redact): string | undefined {
  return line && redact(stripVTControlCharacters(line.slice(0, CHARACTERS_BEFORE_CUT)), MAX_NOISE_CHARACTERS);
}
