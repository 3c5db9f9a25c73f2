import type { UserId } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { RegistryChange, ReloadResult } from './reload-result.ts';
import { Server } from './server.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import { SessionQuota } from './session-quota.ts';

/** A start that has failed is over when its process is, which takes a few seconds at most. */
const END_MS = 10_000;
/** How often the log says that sessions wait for memory. */
const LOG_SHORT_MS = 60_000;

/** What is configured and in what state. */
export class ServerRegistry {
  /** By exact name. Set by this class alone; a field, since every call reads it. */
  servers: ReadonlyMap<string, Server>;
  /** How the last reload ended; `undefined` before the first. */
  lastReload: ReloadResult | undefined;
  /** When the configuration in use was applied: milliseconds since the epoch. */
  configuredAt = Date.now();
  readonly #dependencies: SessionDependencies;
  readonly #quota: SessionQuota;
  /** Those whose last calls still run. */
  readonly #removed = new Set<Server>();
  #shortLoggedAt = Number.NEGATIVE_INFINITY;
  #isStarted = false;
  #isStopped = false;

  constructor(configs: readonly ServerConfig[], dependencies: SessionDependencies) {
    this.#dependencies = dependencies;
    const { limits, startBudget } = dependencies;
    this.#quota = new SessionQuota(limits, startBudget, (server) => this.#noteShort(server));
    this.servers = new Map(configs.map((config) => [config.name, this.#register(config)]));
  }

  list(): readonly Server[] {
    return [...this.servers.values()];
  }

  /** Starts all servers side by side. */
  start(): void {
    this.#isStarted = true;
    for (const server of this.list()) server.generations.start();
  }

  /** Resolves once each server's first attempt to start has succeeded or failed, or after `maxMs`. */
  async whenSettled(maxMs = Number.POSITIVE_INFINITY): Promise<void> {
    const waitMs = ({ config }: Server) => Math.min(config.startTimeoutMs + END_MS, maxMs);
    await Promise.all(this.list().map((server) => server.whenSettled(waitMs(server))));
  }

  /** Ends every server's sessions side by side; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#quota.stop();
    await Promise.all([...this.list(), ...this.#removed].map((server) => server.generations.stop()));
  }

  /** Ends a user's sessions at once, with one server or with all, and no other user's. */
  async endOwned(owner: UserId, server?: string): Promise<void> {
    const servers = [...this.list(), ...this.#removed].filter(({ name }) => server === undefined || name === server);
    await Promise.all(servers.map((one) => one.generations.endOwned(owner)));
  }

  /** Every `required` server is ready. */
  get isReady(): boolean {
    return this.list().every((server) => !server.config.required || server.status.state === 'ready');
  }

  /**
   * Applies a changed configuration: new servers start; missing ones are not found any more and end after their running
   * calls; changed ones are reconfigured; equal ones are left alone. What is still under way from an earlier change is
   * given up.
   */
  apply(configs: readonly ServerConfig[]): RegistryChange {
    if (this.#isStopped) return { added: [], changed: [], removed: [] };
    this.configuredAt = Date.now();
    const previous = this.servers;
    const added: Server[] = [];
    const changed: string[] = [];
    const servers = new Map<string, Server>();
    for (const config of configs) {
      const current = previous.get(config.name);
      const server = current ?? this.#register(config);
      servers.set(config.name, server);
      if (current === undefined) added.push(server);
      else if (current.generations.reconfigure(config)) changed.push(config.name);
    }
    const removed = [...previous.values()].filter(({ name }) => !servers.has(name));
    this.servers = servers;
    for (const server of removed) this.#remove(server);
    if (this.#isStarted) for (const server of added) server.generations.start();
    return { added: added.map(({ name }) => name), changed, removed: removed.map(({ name }) => name) };
  }

  #noteShort(server: string): void {
    if (performance.now() - this.#shortLoggedAt < LOG_SHORT_MS) return;
    this.#shortLoggedAt = performance.now();
    this.#dependencies.logger.warn('memory is short: a session waits for it, and idle ones are ended', { server });
  }

  #register(config: ServerConfig): Server {
    return new Server(config, this.#dependencies, this.#quota);
  }

  #remove(server: Server): void {
    this.#removed.add(server);
    const forget = () => void this.#removed.delete(server);
    void server.generations.remove().then(forget, forget);
  }
}
