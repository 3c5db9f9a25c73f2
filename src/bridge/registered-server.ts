import type { ServerConfig } from '../config/server-config.ts';
import { UnauthenticatedError } from '../errors.ts';
import type { OpenSessionOptions, Session } from '../mcp/session.ts';
import { SHARED, toPoolKey } from '../pool/pool-key.ts';
import { SessionPool } from '../pool/session-pool.ts';
import { type SessionState, SupervisedSession } from '../pool/supervised-session.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import { type Catalogue, toCatalogue } from './catalogue.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { type CatalogueKeeper, fromKeptCatalogue, toKeptCatalogue } from './kept-catalogue.ts';
import { resolveSessionSettings } from './resolve-session-settings.ts';
import { ResultWatch } from './result-watch.ts';
import { toToolChanges } from './tool-changes.ts';

export interface RegisteredServerDependencies {
  readonly openSession: (options: OpenSessionOptions) => Promise<Session>;
  readonly logger: Logger;
  readonly redactor: Redactor;
  readonly keptCatalogues: CatalogueKeeper;
}

export interface ServerStatus {
  readonly state: SessionState;
  readonly reason: string | undefined;
}

/** One configured server with its state, its catalogue and, if it is shared, its session. */
export class RegisteredServer {
  readonly config: ServerConfig;
  readonly limit: ConcurrencyLimit;
  readonly resultWatch: ResultWatch;
  readonly #dependencies: RegisteredServerDependencies;
  readonly #listeners = new Set<() => void>();
  readonly #pool = new SessionPool();
  #shared: SupervisedSession | undefined;
  #catalogue: Catalogue | undefined;

  constructor(config: ServerConfig, dependencies: RegisteredServerDependencies) {
    this.config = config;
    this.limit = new ConcurrencyLimit(config.name, config.maxConcurrency);
    this.resultWatch = new ResultWatch(config.name, dependencies.logger);
    this.#dependencies = dependencies;
  }

  get name(): string {
    return this.config.name;
  }

  get catalogue(): Catalogue | undefined {
    return this.#catalogue;
  }

  get status(): ServerStatus {
    if (this.#shared !== undefined) return { state: this.#shared.state, reason: this.#shared.reason };
    return { state: 'stopped', reason: this.config.isolation === 'shared' ? undefined : 'starts for each user' };
  }

  /** Opens the shared session; a server that is not shared starts when a user calls it. */
  start(): void {
    if (this.config.isolation !== 'shared') return;
    const settings = resolveSessionSettings(this.config, { variables: new Map() });
    const key = toPoolKey(this.name, SHARED, settings);
    this.#shared = this.#pool.acquire(key, () => this.#supervise(settings));
  }

  /** Serves a list of tools that was kept until the server tells its own. */
  restoreCatalogue(content: string): void {
    const kept = this.#catalogue === undefined ? this.#fromKept(content) : undefined;
    if (kept === undefined) return;
    this.#catalogue = kept;
    this.#changed();
  }

  /** The session that this call runs on. Throws `UnauthenticatedError` where only a user has one. */
  session(): SupervisedSession {
    if (this.#shared !== undefined) return this.#shared;
    throw new UnauthenticatedError(
      `Server "${this.name}" has a session for each user, and this request does not say which user calls.`,
      'Bearer',
    );
  }

  /**
   * Returns the catalogue, waiting up to `waitMs` for a server that is on its way; `undefined` when there is none by
   * then, or when the server has failed or is not shared.
   */
  async whenCatalogue(waitMs: number): Promise<Catalogue | undefined> {
    if (this.#catalogue === undefined) await this.#dependencies.keptCatalogues.restore();
    const isHopeless = () => this.status.state === 'failed' || this.status.state === 'stopped';
    await this.#until(() => this.#catalogue !== undefined || isHopeless(), waitMs);
    return this.#catalogue;
  }

  /** Resolves once the first attempt to start has come to something, good or bad, or after `waitMs`. */
  async whenSettled(waitMs: number): Promise<void> {
    await this.#until(() => this.status.state !== 'starting', waitMs);
  }

  /** Ends the server's sessions; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    await this.#pool.close();
  }

  /** Calls back after every change of state or catalogue; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #supervise(settings: OpenSessionOptions['settings']): SupervisedSession {
    const { logger, redactor, openSession } = this.#dependencies;
    return new SupervisedSession({
      server: this.name,
      redact: (text) => redactor.redact(text),
      onFault: (error) => {
        const stack = error instanceof Error ? error.stack : String(error);
        logger.error('a session failed by a fault of the service', { server: this.name, error: stack });
      },
      open: (signal) =>
        openSession({
          server: this.name,
          settings,
          startTimeoutMs: this.config.startTimeoutMs,
          maxResultBytes: this.config.maxResultBytes,
          signal,
          logger,
          onStderrLine: (line) => logger.debug('server wrote to stderr', { server: this.name, line }),
        }),
      prepare: async (session, signal) => {
        session.onToolsChanged(() => void this.#relist(session, signal));
        await this.#list(session, signal);
      },
      onStateChange: (state, reason) => {
        const level = state === 'failed' || state === 'backing off' || state === 'degraded' ? 'warn' : 'info';
        logger[level](`server is ${state}`, { server: this.name, reason });
        this.#changed();
      },
    });
  }

  async #list(session: Session, signal: AbortSignal): Promise<void> {
    const { serverInfo, instructions } = session;
    const source = { serverInfo, instructions, list: await session.listTools(signal) };
    const catalogue = toCatalogue(source, this.config);
    const previous = this.#catalogue;
    if (previous?.revision === catalogue.revision) return;
    this.#catalogue = catalogue;
    const { logger, keptCatalogues } = this.#dependencies;
    const kept = keptCatalogues.keep(this.name, toKeptCatalogue(source, this.config));
    void kept.then((content) => this.#reportChanges(previous, content, catalogue));
    for (const { name, reason } of catalogue.rejected) {
      logger.warn('tool is left out', { server: this.name, tool: name.slice(0, 200), reason });
    }
    if (previous !== undefined) {
      logger.warn('the list of tools has changed: save the connection in Open WebUI again', {
        server: this.name,
        tools: catalogue.tools.size,
      });
    }
    this.#changed();
  }

  /** Compares with the last list of this run, else with the one that was kept over the restart. */
  #reportChanges(previous: Catalogue | undefined, kept: string | undefined, catalogue: Catalogue): void {
    const before = previous ?? (kept === undefined ? undefined : this.#fromKept(kept));
    if (before === undefined || before.revision === catalogue.revision) return;
    const definitions = ({ tools }: Catalogue) => [...tools.values()].map(({ definition }) => definition);
    const changes = toToolChanges(definitions(before), definitions(catalogue));
    if (Object.keys(changes).length === 0) return;
    this.#dependencies.keptCatalogues.changed(this.name, { ...changes, tools: catalogue.tools.size });
  }

  #fromKept(content: string): Catalogue | undefined {
    const source = fromKeptCatalogue(content, this.config);
    return source && toCatalogue(source, this.config);
  }

  async #relist(session: Session, signal: AbortSignal): Promise<void> {
    try {
      await this.#list(session, signal);
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof Error ? error.message : 'unknown';
      this.#dependencies.logger.warn('the changed list of tools could not be read', { server: this.name, reason });
    }
  }

  async #until(condition: () => boolean, waitMs: number): Promise<void> {
    const giveUpAt = Date.now() + waitMs;
    for (let leftMs = waitMs; !condition() && leftMs > 0; leftMs = giveUpAt - Date.now()) {
      await this.#nextChange(leftMs);
    }
  }

  #nextChange(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        stopListening();
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      const stopListening = this.onChange(done);
    });
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
