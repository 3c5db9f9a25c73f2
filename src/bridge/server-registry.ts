import type { ServerConfig } from '../config/server-config.ts';
import { DEFAULT_POOL_LIMITS, SessionPlaces } from '../pool/session-places.ts';
import type { SecretOwner } from '../vault/secret-owner.ts';
import { RegisteredServer, type RegisteredServerDependencies } from './registered-server.ts';

/** What is configured and in what state. Names are looked up exactly, in a `Map`. */
export class ServerRegistry {
  readonly #dependencies: RegisteredServerDependencies;
  readonly #places: SessionPlaces;
  #servers: ReadonlyMap<string, RegisteredServer>;

  constructor(configs: readonly ServerConfig[], dependencies: RegisteredServerDependencies) {
    this.#dependencies = dependencies;
    this.#places = new SessionPlaces(dependencies.limits ?? DEFAULT_POOL_LIMITS);
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
    for (const server of this.list()) server.start();
  }

  /** Resolves once each server's first attempt to start has come to something, good or bad. */
  async whenSettled(): Promise<void> {
    await Promise.all(this.list().map((server) => server.whenSettled(server.config.startTimeoutMs)));
  }

  /** Ends every server's sessions side by side; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    await Promise.all(this.list().map((server) => server.stop()));
  }

  /** Ends a user's sessions with one server or with all at once, and nobody else's. */
  async endOwned(owner: SecretOwner, server?: string): Promise<void> {
    const servers = server === undefined ? this.list() : [this.get(server)];
    await Promise.all(servers.map((one) => one?.endOwned(owner)));
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
   * Takes over a changed configuration: new servers start, missing ones end, changed ones are replaced, and equal
   * ones notice nothing. Returns the names by what happened to them.
   */
  async apply(configs: readonly ServerConfig[]): Promise<RegistryChange> {
    const previous = this.#servers;
    const servers = new Map<string, RegisteredServer>();
    for (const config of configs) {
      const current = previous.get(config.name);
      const isSame = current !== undefined && fingerprint(current.config) === fingerprint(config);
      servers.set(config.name, isSame ? current : this.#register(config));
    }
    const fresh = [...servers.values()].filter((server) => previous.get(server.name) !== server);
    const ending = [...previous.values()].filter((server) => servers.get(server.name) !== server);
    this.#servers = servers;
    for (const server of fresh) server.start();
    await Promise.all(ending.map((server) => server.stop()));
    return {
      added: fresh.map((server) => server.name).filter((name) => !previous.has(name)),
      changed: fresh.map((server) => server.name).filter((name) => previous.has(name)),
      removed: ending.map((server) => server.name).filter((name) => !servers.has(name)),
    };
  }

  #register(config: ServerConfig): RegisteredServer {
    return new RegisteredServer(config, this.#dependencies, this.#places);
  }
}

export interface RegistryChange {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** Equal for equal settings; maps and sets count by their content. */
function fingerprint(config: ServerConfig): string {
  return JSON.stringify(config, (_key, value: unknown) =>
    value instanceof Map || value instanceof Set ? [...value] : value,
  );
}
