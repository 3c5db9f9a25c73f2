import { type ChildProcess, spawn } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { UserPrincipal } from '../../../src/auth/principal.ts';
import { Scopes } from '../../../src/auth/scopes.ts';
import { toUserKey, type UserId } from '../../../src/auth/user.ts';
import { openSession } from '../../../src/mcp/open-session.ts';
import { callTool, resolveTool } from '../../../src/servers/call-tool.ts';
import { type CatalogueCache, NO_CACHE } from '../../../src/servers/catalogue-cache.ts';
import type { Server } from '../../../src/servers/server.ts';
import { ServerRegistry } from '../../../src/servers/server-registry.ts';
import type { SessionLimits } from '../../../src/servers/session-quota.ts';
import { type Caller, NO_VALUES, type ValueSource } from '../../../src/servers/user-values.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';
import { parseServers } from '../config/parse-servers.ts';

export const never = new AbortController().signal;
setMaxListeners(0, never);

const programs = new Set<ChildProcess>();
const registries = new Set<ServerRegistry>();

/** Ends what a test has started. */
export async function stopAll(): Promise<void> {
  await Promise.all([...registries].map((registry) => registry.stop()));
  for (const program of programs) program.kill('SIGKILL');
  registries.clear();
  programs.clear();
}

export function fixtureFile(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/servers/${name}`, import.meta.url));
}

/** The entry of a child process that returns whose token it has; `TOKEN` is a user variable. */
export function whoami(more: object = {}, variable: object = { title: 'Jira token' }): object {
  return {
    command: process.execPath,
    args: [fixtureFile('whoami.js')],
    env: { TOKEN: '${TOKEN}' },
    userVars: { TOKEN: variable },
    ...more,
  };
}

/** Starts the remote server that returns whose header it received; returns its URL. */
export async function startWhoamiHttp(): Promise<string> {
  const program = spawn(process.execPath, [fixtureFile('whoami-http.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
  programs.add(program);
  const [said] = (await once(program.stdout, 'data')) as [Buffer];
  return `http://127.0.0.1:${/port (\d+)/.exec(String(said))?.[1]}/mcp`;
}

export function user(subject: string, more: Partial<UserPrincipal> = {}): UserPrincipal {
  return {
    kind: 'user',
    issuer: 'open-webui',
    subject,
    email: undefined,
    name: undefined,
    role: undefined,
    groups: [],
    scopes: new Scopes(['call', 'vault']),
    keyId: 'key',
    chatId: undefined,
    token: undefined,
    ...more,
  };
}

/** What users have set, by server and user, as the vault would return it. */
export class SetValues {
  readonly #values = new Map<string, ReadonlyMap<string, string>>();
  links = 0;

  set(owner: UserId, server: string, values: Readonly<Record<string, string>>): void {
    this.#values.set(`${server} ${toUserKey(owner)}`, new Map(Object.entries(values)));
  }

  get(owner: UserId, server: string): ReadonlyMap<string, string> {
    return this.#values.get(`${server} ${toUserKey(owner)}`) ?? new Map();
  }

  source(more: Partial<ValueSource> = {}): ValueSource {
    return {
      ...NO_VALUES,
      variables: async (owner, server) => this.get(owner, server),
      setupUrl: async (_owner, server) => {
        this.links += 1;
        return `https://tools.example/vault/link/${server}`;
      },
      ...more,
    };
  }
}

export interface UserServers {
  readonly registry: ServerRegistry;
  readonly values: SetValues;
  /** Everything that was logged. */
  readonly log: string[];
  /** `refused` and `taken` credentials, and uses, in their order. */
  readonly notes: string[];
  server(name?: string): Server;
  /** Calls a tool as this user and gives the parsed body. */
  call(principal: Caller['principal'], tool?: string, options?: CallOptions): Promise<unknown>;
}

interface CallOptions {
  readonly server?: string;
  readonly args?: Record<string, unknown>;
  readonly source?: Partial<ValueSource>;
}

/** Registers and starts servers as the service does, with real programs behind them. */
export function startServers(
  servers: Readonly<Record<string, object>>,
  options: { readonly limits?: SessionLimits; readonly cache?: CatalogueCache } = {},
): UserServers {
  const values = new SetValues();
  const log: string[] = [];
  const notes: string[] = [];
  const redactor = new Redactor();
  const stream = new Writable({
    write(chunk, _encoding, done) {
      log.push(String(chunk));
      done();
    },
  });
  const file = parseServers({ mcpServers: servers });
  redactor.add(file.secrets);
  const registry = new ServerRegistry(file.servers, {
    openSession,
    redactor,
    logger: createLogger({ level: 'debug', format: 'json', redactor, stream }),
    catalogueCache: options.cache ?? NO_CACHE,
    limits: options.limits ?? { maxSessions: 1_000, maxSessionsPerUser: 20 },
    drainTimeMs: 10_000,
    noteCredentials: ({ subject }, server, isRefused) =>
      void notes.push(`${server} ${isRefused ? 'refused' : 'took'} ${subject}`),
    noteUse: ({ subject }, server, tool) => void notes.push(`${subject} used ${server}/${tool}`),
  });
  registries.add(registry);
  registry.start();
  const find = (name = 'jira') => {
    const server = registry.servers.get(name);
    if (server === undefined) throw new Error(`There is no server ${name}.`);
    return server;
  };
  return {
    registry,
    values,
    log,
    notes,
    server: find,
    call: async (principal, name = 'whoami', { server: serverName, args = {}, source } = {}) => {
      const server = find(serverName);
      const given = values.source(source);
      const resolved = await resolveTool(server, name, { principal, values: given }, never);
      if (resolved.kind === 'connect') throw new Error('This is no tool.');
      const { body } = await callTool({
        callerId: 'ann',
        principal,
        values: given,
        server,
        tool: resolved.tool,
        lease: resolved.lease,
        arguments: args,
        exactText: undefined,
        headers: {},
        keepFile: () => undefined,
        signal: never,
      });
      return JSON.parse(String(body));
    },
  };
}

export async function thrownBy(work: Promise<unknown>): Promise<Error> {
  return work.then(
    (value) => new Error(`It did not throw, but gave ${JSON.stringify(value)}.`),
    (error: Error) => error,
  );
}

/** Whether a process of this id is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
