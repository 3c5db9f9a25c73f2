import type { UserId } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { RegisteredServer } from './registered-server.ts';
import type { RegistryChange, ReloadResult } from './reload-result.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import { SessionPlaces } from './session-places.ts';

/** What is configured and in what state. Names are looked up exactly, in a `Map`. */
export class ServerRegistry {
  readonly #dependencies: SessionDependencies;
  readonly #places: SessionPlaces;
  /** Removed ones whose last calls still run. */
  readonly #leaving = new Set<RegisteredServer>();
  #servers: ReadonlyMap<string, RegisteredServer>;
  #isStarted = false;
  #isStopped = false;
  #lastReload: ReloadResult | undefined;

  constructor(configs: readonly ServerConfig[], dependencies: SessionDependencies) {
    this.#dependencies = dependencies;
    this.#places = new SessionPlaces(dependencies.limits);
    this.#servers = new Map(configs.map((config) => [config.name, this.#register(config)]));
  }

  get(name: string): RegisteredServer | undefined {
    return this.#servers.get(name);
  }

  list(): readonly RegisteredServer[] {
    return [...this.#servers.values()];
  }

  /** Serves lists of tools that were kept for servers that have not told theirs yet. */
  restoreCatalogues(kept: ReadonlyMap<string, string>): void {
    for (const [name, content] of kept) this.#servers.get(name)?.restoreCatalogue(content);
  }

  /** Starts all servers side by side. */
  start(): void {
    this.#isStarted = true;
    for (const server of this.list()) server.start();
  }

  /** Resolves once each server's first attempt to start has come to something, good or bad. */
  async whenSettled(): Promise<void> {
    await Promise.all(this.list().map((server) => server.whenSettled(server.config.startTimeoutMs)));
  }

  /** Ends every server's sessions side by side; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.list(), ...this.#leaving].map((server) => server.stop()));
  }

  /** Ends a user's sessions with one server or with all at once, and nobody else's. */
  async endOwned(owner: UserId, server?: string): Promise<void> {
    const servers = [...this.list(), ...this.#leaving].filter(({ name }) => server === undefined || name === server);
    await Promise.all(servers.map((one) => one.endOwned(owner)));
  }

  /** How many sessions of users there are, over all servers. */
  get userSessions(): number {
    return this.#places.size;
  }

  /** Every `required` server is ready. */
  get isReady(): boolean {
    return this.list().every((server) => !server.config.required || server.status.state === 'ready');
  }

  /**
   * Takes over a changed configuration, at once as far as that can be: new servers start, missing ones are not found any
   * more and end after their running calls, changed ones take over what has changed (see `RegisteredServer`), and equal
   * ones notice nothing. Whatever was still under way from an earlier configuration gives way to this one.
   */
  apply(configs: readonly ServerConfig[]): RegistryChange {
    if (this.#isStopped) return { added: [], changed: [], removed: [] };
    const previous = this.#servers;
    const added: RegisteredServer[] = [];
    const changed: string[] = [];
    const servers = new Map<string, RegisteredServer>();
    for (const config of configs) {
      const current = previous.get(config.name);
      const server = current ?? this.#register(config);
      servers.set(config.name, server);
      if (current === undefined) added.push(server);
      else if (current.reconfigure(config)) changed.push(config.name);
    }
    const removed = [...previous.values()].filter(({ name }) => !servers.has(name));
    this.#servers = servers;
    for (const server of removed) this.#remove(server);
    if (this.#isStarted) for (const server of added) server.start();
    return { added: added.map(({ name }) => name), changed, removed: removed.map(({ name }) => name) };
  }

  /** How the last reload ended; `undefined` before the first. */
  get lastReload(): ReloadResult | undefined {
    return this.#lastReload;
  }

  noteReload(result: ReloadResult): void {
    this.#lastReload = result;
  }

  #register(config: ServerConfig): RegisteredServer {
    return new RegisteredServer(config, this.#dependencies, this.#places);
  }

  #remove(server: RegisteredServer): void {
    this.#leaving.add(server);
    const forget = () => void this.#leaving.delete(server);
    void server.remove().then(forget, forget);
  }
}
