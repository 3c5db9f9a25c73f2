import type { ServerConfig } from '../config/server-config.ts';
import type { ServerUnavailableError } from '../errors.ts';
import type { OpenSessionOptions, Session } from '../mcp/session.ts';
import { Discovery } from '../pool/discovery.ts';
import type { PoolLimits, SessionPlaces } from '../pool/session-places.ts';
import type { SupervisedSession } from '../pool/supervised-session.ts';
import { Waiters } from '../pool/waiters.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import type { SecretOwner } from '../vault/secret-owner.ts';
import type { Catalogue } from './catalogue.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import type { CatalogueKeeper } from './kept-catalogue.ts';
import { ResultWatch } from './result-watch.ts';
import { ServerCatalogue } from './server-catalogue.ts';
import { leaseShared, type ServerLease, START_WAIT_MS } from './server-lease.ts';
import { type ServerStatus, toolsUnknown, toUserServerStatus } from './server-status.ts';
import { createSharedSession } from './shared-session.ts';
import { type UserSessionFacts, UserSessions } from './user-sessions.ts';
import { type Caller, completeValues, type UserCaller, type UserValues } from './user-values.ts';

export interface RegisteredServerDependencies {
  readonly openSession: (options: OpenSessionOptions) => Promise<Session>;
  readonly logger: Logger;
  readonly redactor: Redactor;
  readonly keptCatalogues: CatalogueKeeper;
  /** Caps on the sessions of users, over all servers. */
  readonly limits?: PoolLimits | undefined;
  /** Told when a server refuses what a user has set for it, and when it takes it. */
  readonly noteCredentials?: ((owner: SecretOwner, server: string, isRefused: boolean) => void) | undefined;
  /** Told of every call that ran on a user's session. */
  readonly noteUse?: ((owner: SecretOwner, server: string, tool: string) => void) | undefined;
}

/** A session as it is told to admins; a shared one has no owner. */
export type SessionFactsOfServer = Omit<UserSessionFacts, 'owner' | 'lastUsedAt'> & {
  readonly owner: SecretOwner | undefined;
  readonly lastUsedAt: number | undefined;
};

/** One configured server with its state, its catalogue and its sessions: one that all share, or one for each user. */
export class RegisteredServer {
  readonly config: ServerConfig;
  readonly limit: ConcurrencyLimit;
  readonly resultWatch: ResultWatch;
  readonly #dependencies: RegisteredServerDependencies;
  readonly #listeners = new Set<() => void>();
  readonly #waiters = new Waiters();
  readonly #catalogue: ServerCatalogue;
  readonly #users: UserSessions;
  readonly #discovery: Discovery;
  #shared: SupervisedSession | undefined;
  #isStarted = false;
  #lastUsedAt: number | undefined;

  constructor(config: ServerConfig, dependencies: RegisteredServerDependencies, places: SessionPlaces) {
    const { logger, redactor, keptCatalogues, openSession } = dependencies;
    const redact = (text: string) => redactor.redact(text);
    const onChange = () => this.#changed();
    const onFault = (error: unknown) => this.#reportFault(error);
    this.config = config;
    this.limit = new ConcurrencyLimit(config.name, config.maxConcurrency);
    this.resultWatch = new ResultWatch(config.name, logger);
    this.#dependencies = dependencies;
    this.#catalogue = new ServerCatalogue({ config, logger, keptCatalogues, redact, onChange });
    if (config.isolation === 'shared') this.#shared = this.#createShared();
    this.#discovery = new Discovery({
      discover: (signal) => this.#discover(signal),
      redact,
      onFault,
      onStateChange: (state, reason) => {
        if (state === 'failing') logger.warn('the tools could not be listed', { server: config.name, reason });
        this.#changed();
      },
    });
    this.#users = new UserSessions({
      config,
      places,
      openSession,
      logger,
      redactor,
      noteCredentials: dependencies.noteCredentials ?? (() => undefined),
      noteUse: dependencies.noteUse ?? (() => undefined),
      prepare: (session, signal) => this.#prepareUserSession(session, signal),
      onFault,
      onChange: () => undefined,
    });
  }

  get name(): string {
    return this.config.name;
  }

  get catalogue(): Catalogue | undefined {
    return this.#catalogue.current;
  }

  get status(): ServerStatus {
    if (this.#shared !== undefined) return { state: this.#shared.state, reason: this.#shared.reason };
    return toUserServerStatus(this.#isStarted, this.#discovery, this.catalogue !== undefined);
  }

  /** The tools are known once a user's session is open, and not before. */
  get awaitsUser(): boolean {
    return this.#shared === undefined && !this.#isDiscovered && this.catalogue === undefined;
  }

  /** Opens the shared session, or lists the tools of a server that has a session for each user. */
  start(): void {
    this.#isStarted = true;
    if (this.#shared !== undefined) this.#shared.start();
    else if (this.#isDiscovered) this.#discovery.start();
    else this.#changed();
  }

  /** Serves a list of tools that was kept until the server tells its own. */
  restoreCatalogue(content: string): void {
    this.#catalogue.restore(content);
  }

  /**
   * Leases the session that this caller's call runs on: the shared one, or his own, which is opened when there is none.
   * Throws `UnauthenticatedError` where only a user has one, `UserVariablesMissingError`, and the errors of opening it.
   */
  async acquire(caller: Caller, signal: AbortSignal): Promise<ServerLease> {
    if (this.#shared === undefined) return this.#users.acquire(caller, signal);
    this.#lastUsedAt = Date.now();
    return leaseShared(this.#shared);
  }

  /**
   * Resolves once the tools are as known as they can be for this caller, who may be the first with a session.
   * Throws the errors of `acquire`.
   */
  async whenToolsKnown(caller: Caller, signal: AbortSignal): Promise<void> {
    if (this.#shared !== undefined) {
      if (this.status.state !== 'ready') await this.#shared.whenOpen(START_WAIT_MS, signal);
      return;
    }
    await this.whenCatalogue(START_WAIT_MS);
    if (this.#isDiscovered) return;
    const lease = await this.#users.acquire(caller, signal);
    lease.release();
  }

  /** The error that tells a caller why there are no tools and when to come back. */
  unavailable(): ServerUnavailableError {
    if (this.#shared !== undefined) return this.#shared.unavailable();
    return toolsUnknown(this.name, this.status);
  }

  /**
   * Returns the catalogue, waiting up to `waitMs` for a server that is on its way; `undefined` when there is none by
   * then, or when the server has failed or waits for its first user.
   */
  async whenCatalogue(waitMs: number): Promise<Catalogue | undefined> {
    if (this.catalogue === undefined) await this.#dependencies.keptCatalogues.restore();
    const isHopeless = () => this.awaitsUser || this.status.state === 'failed' || this.status.state === 'stopped';
    await this.#until(() => this.catalogue !== undefined || isHopeless(), waitMs);
    return this.catalogue;
  }

  /** Resolves once the first attempt to start has come to something, good or bad, or after `waitMs`. */
  async whenSettled(waitMs: number): Promise<void> {
    await this.#until(() => this.status.state !== 'starting', waitMs);
  }

  /** Opens a session of a user's with these values, lists the tools and ends it; returns their names. */
  async tryOut(user: UserCaller, values: UserValues, signal: AbortSignal): Promise<readonly string[]> {
    return this.#users.tryOut(user, values, signal);
  }

  /** The sessions of which something is left. */
  sessions(): readonly SessionFactsOfServer[] {
    if (this.#shared === undefined) return this.#users.list();
    const { state, session } = this.#shared;
    if (session === undefined) return [];
    return [
      { owner: undefined, chatId: undefined, state, lastUsedAt: this.#lastUsedAt, runningCalls: this.limit.running },
    ];
  }

  /** Ends a user's sessions at once, and nobody else's. */
  async endOwned(owner: SecretOwner): Promise<void> {
    await this.#users.endOwned(owner);
  }

  /** Ends all sessions at once; a shared one starts anew, out of any state, those of users with their next call. */
  async restart(): Promise<void> {
    if (!this.#isStarted) return;
    const previous = this.#shared;
    if (previous !== undefined) {
      await previous.stop();
      if (this.#shared !== previous || !this.#isStarted) return;
      this.#shared = this.#createShared();
      this.#shared.start();
      return;
    }
    await Promise.all([this.#users.endAll(), this.#discovery.stop()]);
    if (this.#isStarted) this.start();
  }

  /** Ends the server's sessions; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    this.#isStarted = false;
    await Promise.all([this.#shared?.stop(), this.#users.close(), this.#discovery.stop()]);
  }

  /** Calls back after every change of state or catalogue; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get #isDiscovered(): boolean {
    return this.#shared === undefined && this.config.discovery !== undefined;
  }

  #createShared(): SupervisedSession {
    const { openSession, logger, redactor } = this.#dependencies;
    return createSharedSession({
      config: this.config,
      openSession,
      logger,
      redactor,
      prepare: async (session, signal) => {
        session.onToolsChanged(() => void this.#relist(() => this.#catalogue.list(session, signal), signal));
        await this.#catalogue.list(session, signal);
      },
      onFault: (error) => this.#reportFault(error),
      onChange: () => this.#changed(),
    });
  }

  /** With the admin's own values, in place of a user's. */
  async #discover(signal: AbortSignal): Promise<void> {
    const { variables } = completeValues(this.config, this.config.discovery ?? new Map());
    await this.#users.withSession({ variables }, (session) => this.#catalogue.list(session, signal), signal);
  }

  async #prepareUserSession(session: Session, signal: AbortSignal): Promise<void> {
    const merge = () => this.#catalogue.merge(session, signal);
    if (this.#isDiscovered) {
      session.onToolsChanged(() => this.#discovery.again());
      return;
    }
    session.onToolsChanged(() => void this.#relist(merge, signal));
    // Where the tools are known, a list that cannot be read keeps nobody from calling them.
    if (this.catalogue === undefined) await merge();
    else await this.#relist(merge, signal);
  }

  async #relist(list: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await list();
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof Error ? error.message : 'unknown';
      this.#dependencies.logger.warn('the changed list of tools could not be read', { server: this.name, reason });
    }
  }

  #reportFault(error: unknown): void {
    const stack = error instanceof Error ? error.stack : String(error);
    this.#dependencies.logger.error('a session failed by a fault of the service', { server: this.name, error: stack });
  }

  async #until(condition: () => boolean, waitMs: number): Promise<void> {
    const giveUpAt = Date.now() + waitMs;
    for (let leftMs = waitMs; !condition() && leftMs > 0; leftMs = giveUpAt - Date.now()) {
      await this.#waiters.next(leftMs);
    }
  }

  #changed(): void {
    this.#waiters.wake();
    for (const listener of [...this.#listeners]) listener();
  }
}
