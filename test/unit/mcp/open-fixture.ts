import { type ChildProcess, spawn } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { fileURLToPath } from 'node:url';
import { openSession } from '../../../src/mcp/open-session.ts';
import type { CallOptions, OpenSessionOptions, Session, ToolResult } from '../../../src/mcp/session.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';

const STDIO_SERVER = fixture('raw-stdio.js');
export const IDLE_HTTP_SERVER = fixture('idle-http.js');
export const IDLE_STDIO_SERVER = fixture('idle-stdio.js');
const HTTP_SERVER = fixture('raw-http.js');

function fixture(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/servers/${name}`, import.meta.url));
}

export const silent = { debug() {}, warn() {} };

/** Many calls of one test wait on it at once. */
const never = new AbortController().signal;
setMaxListeners(0, never);

export const limits: CallOptions = {
  signal: never,
  deadlineMs: 20_000,
  hardDeadlineMs: 20_000,
};

type Overrides = Partial<OpenSessionOptions>;

/** What is opened here is closed after each test by `closeAll`. */
const opened: (() => Promise<void>)[] = [];

export async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((close) => close()));
}

export async function open(settings: OpenSessionOptions['settings'], overrides: Overrides = {}): Promise<Session> {
  const session = await openSession({
    server: 'raw',
    settings,
    startTimeoutMs: 10_000,
    maxResultBytes: 32 * 1024 * 1024,
    signal: new AbortController().signal,
    redact: new Redactor().redactorFor(),
    logger: silent,
    ...overrides,
  });
  opened.push(() => session.close());
  return session;
}

export function openStdio(mode = 'normal', overrides: Overrides = {}): Promise<Session> {
  const settings = {
    type: 'stdio' as const,
    command: process.execPath,
    args: [STDIO_SERVER, mode],
    env: { ONLY: 'this' },
    cwd: undefined,
  };
  return open(settings, overrides);
}

export interface HttpFixture {
  readonly origin: string;
  seen(): Promise<SeenRequest[]>;
  stop(): Promise<void>;
}

interface SeenRequest {
  readonly path: string;
  readonly verb: string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly headers: Record<string, string>;
}

export async function startHttpFixture(program = HTTP_SERVER, onPort = 0): Promise<HttpFixture> {
  const child: ChildProcess = spawn(process.execPath, [program, String(onPort)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  opened.push(stop);
  if (child.stdout === null) throw new Error('no stdout');
  const [port] = await once(child.stdout, 'data');
  const origin = `http://127.0.0.1:${String(port).trim()}`;
  return {
    origin,
    stop,
    seen: async () => (await (await fetch(`${origin}/seen`)).json()) as SeenRequest[],
  };
}

export type HttpType = 'streamable-http' | 'sse' | 'auto';

export function openHttp(
  { origin }: HttpFixture,
  path: string,
  type: HttpType = 'streamable-http',
  overrides: Overrides & { headers?: Record<string, string> } = {},
): Promise<Session> {
  const { headers = {}, ...rest } = overrides;
  return open({ type, url: `${origin}${path}`, headers }, rest);
}

export function textOf({ content }: ToolResult): string {
  return String((content[0] as { text?: unknown } | undefined)?.text);
}

/** Whether a process runs; one that is dead but not collected by its parent does not. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  const { readFile } = await import('node:fs/promises');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '0 (gone) Z');
  return !/\) Z/.test(stat);
}
