import { afterAll, test as jestTest } from '@jest/globals';
import { waitFor } from '../wait-for.ts';
import {
  commandCount,
  type Exit,
  outputTails,
  removeTemporaryFolders,
  type StartOptions,
  spawnCommand,
} from './command.ts';
import { type HttpAnswer, type HttpRequest, sendRequest } from './http-request.ts';
import { descendantsOf, isRunning, type ProcessEntry } from './process-table.ts';

export { waitFor } from '../wait-for.ts';
export { fixture, fixtureFile, repositoryFolder, runCommand, temporaryFolder } from './command.ts';

interface ServerState {
  readonly state: string;
  readonly reason: string;
}

export interface Service {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  stdout(): string;
  stderr(): string;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<HttpAnswer>;
  request(method: string, path: string, options?: HttpRequest): Promise<HttpAnswer>;
  /** `POST /<server>/<tool>`; no `server` in single-server mode. A string body goes out as it is. */
  call(
    server: string | undefined,
    tool: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<HttpAnswer>;
  /** What `/readyz` says of each server. */
  serverStates(): Promise<Map<string, ServerState>>;
  children(): ProcessEntry[];
  kill(signal: NodeJS.Signals): void;
  stop(signal?: NodeJS.Signals): Promise<Exit>;
}

const running = new Set<Service>();

afterAll(async () => {
  await stopServices([...running]);
  removeTemporaryFolders();
});

/** jest's `test`, which shows what the services and commands said last if it fails, and ends those that it started. */
export function test(name: string, body: () => Promise<void> | void, timeoutMs?: number): void {
  jestTest(
    name,
    async () => {
      const before = new Set(running);
      const first = commandCount();
      try {
        await body();
      } catch (error) {
        if (error instanceof Error) error.message += `\n\n${outputTails(before.size > 0 ? 0 : first)}`;
        throw error;
      } finally {
        await stopServices([...running].filter((service) => !before.has(service)));
      }
    },
    timeoutMs,
  );
}

/** Starts the built command on a free port and waits until it says where it listens. */
export async function startService(options: StartOptions): Promise<Service> {
  const command = spawnCommand({ ...options, args: ['--port', '0', ...(options.args ?? [])] }, []);
  const { child, exited } = command;
  let isOver = false;
  void exited.then(() => {
    isOver = true;
  });
  const port = await waitFor(
    () => {
      if (isOver) throw new Error(`The command ended before it listened.\n${command.stderr()}`);
      const found = /Listening on https?:\/\/[^\s:]+:(\d+)/.exec(command.stdout());
      return found?.[1] === undefined ? undefined : Number(found[1]);
    },
    15_000,
    'the line "Listening on …"',
  ).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });

  const service: Service = {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    exited,
    stdout: command.stdout,
    stderr: command.stderr,
    get: (path, headers) => sendRequest(port, 'GET', path, { headers }),
    request: (method, path, requestOptions) => sendRequest(port, method, path, requestOptions),
    call: (server, tool, body, headers) => {
      const path = `/${[...(server === undefined ? [] : [server]), tool].map(encodeURIComponent).join('/')}`;
      if (body === undefined) return sendRequest(port, 'POST', path, { headers });
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      return sendRequest(port, 'POST', path, {
        headers: { 'content-type': 'application/json', ...headers },
        body: text,
      });
    },
    serverStates: async () => readServerStates((await service.get('/readyz')).json()),
    // Its watchdog is no child of anybody's server.
    children: () => descendantsOf(service.pid).filter(({ command }) => !command.includes('mcpo-ts-watchdog')),
    kill: (signal) => {
      child.kill(signal);
    },
    stop: async (signal = 'SIGTERM') => {
      running.delete(service);
      const left = service.children();
      const startedAt = performance.now();
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      const exit = await exited;
      clearTimeout(timer);
      const ms = performance.now() - startedAt;
      for (const entry of left.filter(isRunning)) orphans.push(entry);
      return { ...exit, ms };
    },
  };
  running.add(service);
  if (options.waitForReady !== false) await waitForServers(service);
  return service;
}

/** Processes that outlived their service; ended by the harness, which remembers them here for tests to judge. */
const orphans: ProcessEntry[] = [];

async function waitForServers(service: Service, timeoutMs = 20_000): Promise<void> {
  await waitFor(
    async () => {
      const states = await service.serverStates();
      return [...states.values()].every(({ state }) => state !== 'starting');
    },
    timeoutMs,
    'no server to be starting',
  );
}

async function stopServices(services: readonly Service[]): Promise<void> {
  await Promise.all(services.map((service) => service.stop()));
  for (const entry of orphans) {
    if (!isRunning(entry)) continue;
    try {
      process.kill(entry.pid, 'SIGKILL');
    } catch {
      // It ended by itself in between.
    }
  }
}

function readServerStates(body: unknown): Map<string, ServerState> {
  const { servers } = body as { servers: Record<string, { state: string; reason?: string }> };
  return new Map(Object.entries(servers).map(([name, { state, reason }]) => [name, { state, reason: reason ?? '' }]));
}
