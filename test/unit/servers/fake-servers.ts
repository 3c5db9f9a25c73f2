import { setMaxListeners } from 'node:events';
import { Writable } from 'node:stream';
import { ConnectionLostError, SessionOpenError } from '../../../src/errors.ts';
import type { OpenSessionOptions, Session, SessionEnd } from '../../../src/mcp/session.ts';
import { callTool, resolveTool } from '../../../src/servers/call-tool.ts';
import type { CatalogueTool } from '../../../src/servers/catalogue.ts';
import { type CatalogueCache, NO_CACHE } from '../../../src/servers/catalogue-cache.ts';
import type { Lease } from '../../../src/servers/lease.ts';
import type { Server } from '../../../src/servers/server.ts';
import { ServerRegistry } from '../../../src/servers/server-registry.ts';
import { type Caller, NO_VALUES } from '../../../src/servers/user-values.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';
import { parseServers } from '../config/parse-servers.ts';
import { user } from './user-servers.ts';

const never = new AbortController().signal;
setMaxListeners(0, never);

const ann: Caller = {
  principal: user('ann'),
  values: { ...NO_VALUES, variables: async () => new Map([['TOKEN', 'token-of-ann']]) },
};

/**
 * Sessions that open when the test says so: `node broken` never works, `node held` waits for `letOpen`, anything else is
 * open after a turn of the event loop. Tools: `args` returns what the session was opened with, `hold` waits for `letGo`.
 */
export class FakeServers {
  readonly registry: ServerRegistry;
  /** The arguments of every session that began to open, in their order. */
  readonly opened: string[] = [];
  /** Those of which something is left. */
  readonly alive = new Set<string>();
  readonly log: string[] = [];
  mostStarting = 0;
  #starting = 0;
  #serial = 0;
  readonly #held: (() => void)[] = [];
  readonly #opening: (() => void)[] = [];

  constructor(servers: Entries, options: { readonly drainTimeMs?: number; readonly cache?: CatalogueCache } = {}) {
    const stream = new Writable({
      write: (chunk, _encoding, done) => {
        this.log.push(String(chunk));
        done();
      },
    });
    const redactor = new Redactor();
    this.registry = new ServerRegistry(parseServers({ mcpServers: servers }).servers, {
      openSession: (session) => this.#open(session),
      logger: createLogger({ level: 'info', format: 'json', redactor, stream }),
      redactor,
      catalogueCache: options.cache ?? NO_CACHE,
      limits: { maxSessions: 1_000, maxSessionsPerUser: 20 },
      drainTimeMs: options.drainTimeMs ?? 10_000,
    });
    this.registry.start();
  }

  apply(servers: Entries) {
    return this.registry.apply(parseServers({ mcpServers: servers }).servers);
  }

  server(name = 'one'): Server {
    const server = this.registry.servers.get(name);
    if (server === undefined) throw new Error(`There is no server ${name}.`);
    return server;
  }

  /** Calls as the tool route does. */
  async call(tool: string, server = this.server(), caller = ann): Promise<string> {
    const known = server.isShared ? server.catalogue?.tools.get(tool) : undefined;
    if (known !== undefined) return this.send(known, server, caller);
    const resolved = await resolveTool(server, tool, caller, never);
    if (resolved.kind === 'connect') throw server.unavailable();
    return this.send(resolved.tool, server, caller, resolved.lease);
  }

  async send(tool: CatalogueTool, server = this.server(), caller = ann, lease?: Lease) {
    const { body } = await callTool({
      ...caller,
      callerId: 'ann',
      server,
      tool,
      lease,
      arguments: {},
      exactText: undefined,
      headers: {},
      keepFile: () => undefined,
      signal: never,
    });
    return String(JSON.parse(String(body)));
  }

  /** Lets the calls of `hold` end. */
  letGo(): void {
    for (const letGo of this.#held.splice(0)) letGo();
  }

  /** How many calls of `hold` run. */
  get held(): number {
    return this.#held.length;
  }

  letOpen(): void {
    for (const open of this.#opening.splice(0)) open();
  }

  async #open({ settings, signal }: OpenSessionOptions): Promise<Session> {
    const what = settings.type === 'stdio' ? settings.args.join(' ') : settings.url;
    this.#serial += 1;
    const id = `${what} #${this.#serial}`;
    this.opened.push(what);
    this.alive.add(id);
    this.#starting += 1;
    this.mostStarting = Math.max(this.mostStarting, this.#starting);
    try {
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      if (what.startsWith('held')) {
        await Promise.race([aborted, new Promise<void>((resolve) => this.#opening.push(resolve))]);
      }
      await turn();
      if (signal.aborted || what.startsWith('broken')) throw new SessionOpenError(`it is ${what}`);
      return this.#session(id, what);
    } catch (error) {
      // What it leaves behind takes a while to end.
      await turn();
      this.alive.delete(id);
      throw error;
    } finally {
      this.#starting -= 1;
    }
  }

  #session(id: string, what: string): Session {
    let end: (end: SessionEnd) => void = () => undefined;
    const closed = new Promise<SessionEnd>((resolve) => {
      end = resolve;
    });
    const toText = (text: string) => {
      const raw = { content: [{ type: 'text', text }] };
      return { content: raw.content, isError: false, raw };
    };
    const tools = ['args', 'hold', ...(what.includes('more') ? ['more'] : [])];
    return {
      serverInfo: { name: 'fake', version: '1' },
      instructions: undefined,
      transportType: 'stdio',
      pid: undefined,
      closed,
      get lastActivityAt() {
        return performance.now();
      },
      isBusy: false,
      listTools: async () => ({ tools: tools.map((name) => ({ name, inputSchema: true })), rejected: [] }),
      callTool: async (name) => {
        if (name !== 'hold') return toText(what);
        const letGo = new Promise<void>((resolve) => this.#held.push(resolve));
        const lost = closed.then(() => {
          throw new ConnectionLostError('The session ended.');
        });
        await Promise.race([letGo, lost]);
        return toText(what);
      },
      onToolsChanged: () => undefined,
      ping: async () => undefined,
      close: async () => {
        end({ reason: 'it was closed' });
        await turn();
        this.alive.delete(id);
      },
    };
  }
}

export type Entries = Readonly<Record<string, object>>;

/** The entry of a server whose sessions are opened with these arguments. */
export function entry(args: string, more: object = {}): object {
  return { command: 'node', args: [args], ...more };
}

export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
