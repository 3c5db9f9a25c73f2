import type { UserId } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { ServerUnavailableError } from '../errors.ts';
import type { Session } from '../mcp/session.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { CallCount } from './call-count.ts';
import type { Catalogue } from './catalogue.ts';
import type { CatalogueDifference } from './catalogue-differences.ts';
import type { CatalogueOrigin } from './catalogue-origin.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { Discovery } from './discovery.ts';
import type { FailureReason } from './failure-reason.ts';
import { withLiveSettings } from './live-settings.ts';
import { ServerCatalogue, type UserList } from './server-catalogue.ts';
import { leaseShared, type ServerLease, START_WAIT_MS } from './server-lease.ts';
import { type ServerStatus, toolsUnknown, toUserServerStatus } from './server-status.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import type { SessionPlaces } from './session-places.ts';
import { createSharedSession } from './shared-session.ts';
import type { SessionState, SupervisedSession } from './supervised-session.ts';
import { ToolListReader } from './tool-list-reader.ts';
import { type UserSessionFacts, UserSessions } from './user-sessions.ts';
import { type Caller, completeValues, type UserCaller, type UserValues } from './user-values.ts';

/** A list that changes while it is read is read again, up to so many times. */
const MAX_READS = 3;

export interface ServerSessionsOptions {
  readonly config: ServerConfig;
  readonly dependencies: SessionDependencies;
  readonly places: SessionPlaces;
  /** Awaited before the server itself opens a session. */
  readonly mayOpen: () => Promise<unknown>;
  /** What was served with the settings before. */
  readonly before: Catalogue | undefined;
  /** Told what becomes of the shared session, or that the tools could not be listed. */
  readonly onState: (state: SessionState | 'not listed', why: FailureReason | undefined) => void;
  /** Called after every change of state or catalogue. */
  readonly onChange: () => void;
}

/** A session as it is told to admins; a shared one has no owner. */
export type SessionFactsOfServer = Omit<UserSessionFacts, 'owner' | 'lastUsedAt'> & {
  readonly owner: UserId | undefined;
  readonly lastUsedAt: number | undefined;
};

/**
 * The sessions of one server with one configuration, one that all share or one for each user, and the catalogue that
 * they tell. A change of what they are made of makes new ones.
 */
export class ServerSessions {
  readonly limit: ConcurrencyLimit;
  /** Each call counts from before it leases its session until after its end. */
  readonly calls = new CallCount();
  readonly #options: ServerSessionsOptions;
  readonly #catalogue: ServerCatalogue;
  readonly #users: UserSessions;
  readonly #discovery: Discovery;
  /** For what the shared session says. */
  readonly #redactShared: Redact;
  #config: ServerConfig;
  #shared: SupervisedSession | undefined;
  #isStarted = false;
  #stopping: Promise<void> | undefined;
  #lastUsedAt: number | undefined;

  constructor(options: ServerSessionsOptions) {
    const { config, dependencies, places, before, onChange, onState } = options;
    const { logger, redactor, keptCatalogues, openSession, noteCredentials, noteUse } = dependencies;
    const onFault = (error: unknown) => this.#reportFault(error);
    this.#options = options;
    this.#config = config;
    this.limit = new ConcurrencyLimit(config.name, config);
    this.#catalogue = new ServerCatalogue({ config, logger, keptCatalogues, before, onChange });
    this.#redactShared = redactor.redactorFor();
    if (config.isolation === 'shared') this.#shared = this.#createShared();
    this.#discovery = new Discovery({
      discover: (signal) => this.#discover(signal),
      redact: redactor.redactorFor(config.discovery?.values()),
      onFault,
      onStateChange: (state, why) => {
        if (state === 'failing') onState('not listed', why);
        onChange();
      },
    });
    this.#users = new UserSessions({
      config,
      places,
      openSession,
      logger,
      redactor,
      noteCredentials: noteCredentials ?? (() => undefined),
      noteUse: noteUse ?? (() => undefined),
      beginReading: () => this.#catalogue.begin(),
      onList: (list) => this.#takeUserList(list),
      onFault,
      onChange: () => undefined,
    });
  }

  get config(): ServerConfig {
    return this.#config;
  }

  get catalogue(): Catalogue | undefined {
    return this.#catalogue.current;
  }

  /** What all see of the tools, where it comes from, and what users' sessions list otherwise. */
  get catalogueOrigin(): CatalogueOrigin | undefined {
    return this.#catalogue.origin;
  }

  get differences(): readonly CatalogueDifference[] {
    return this.#catalogue.differences;
  }

  /** Serves the list of a difference from here on; `false` if it is not known any more. */
  chooseCatalogue(id: string): boolean {
    return this.#catalogue.choose(id);
  }

  get isShared(): boolean {
    return this.#shared !== undefined;
  }

  /** The service itself lists the tools of a server that has a session for each user. */
  get isDiscovered(): boolean {
    return this.#shared === undefined && this.#config.discovery !== undefined;
  }

  get status(): ServerStatus {
    if (this.#shared !== undefined) return { state: this.#shared.state, ...this.#shared.why };
    return toUserServerStatus(this.#isStarted, this.#discovery, this.catalogue !== undefined);
  }

  /** Why they do not work, as far as is known. */
  get problem(): FailureReason | undefined {
    return this.#shared === undefined ? this.#discovery.why : this.#shared.why;
  }

  /** Calls can run on them now. */
  get isServing(): boolean {
    return this.#shared === undefined ? this.status.state === 'ready' : this.#shared.session !== undefined;
  }

  /** They work, as far as the service can find out: the session is open, the tools are listed. */
  get isReady(): boolean {
    if (this.#shared !== undefined) return this.#shared.state === 'ready';
    return this.#isStarted && (!this.isDiscovered || this.#discovery.state === 'done');
  }

  /** The error that tells a caller why there are no tools and when to come back. */
  unavailable(): ServerUnavailableError {
    return this.#shared?.unavailable() ?? toolsUnknown(this.#config.name, this.status);
  }

  /** Serves a list of tools that was kept until the server tells its own. */
  restoreCatalogue(content: string): void {
    this.#catalogue.restore(content);
  }

  /** Serves what was served with the settings before, until its source lists again. */
  inheritCatalogue(former: ServerSessions): void {
    this.#catalogue.inherit({ former: former.#catalogue, config: former.#config });
  }

  /** Takes over what sessions are not made of. */
  reconfigure(config: ServerConfig): void {
    this.#config = withLiveSettings(this.#config, config);
    this.limit.resize(config);
    this.#catalogue.reconfigure(this.#config);
    this.#users.reconfigure(this.#config);
  }

  /** Opens the shared session, or lists the tools of a server that has a session for each user. */
  start(): void {
    this.#isStarted = true;
    if (this.#shared !== undefined) this.#shared.start();
    else if (this.isDiscovered) this.#discovery.start();
    else this.#options.onChange();
  }

  /** Throws the errors of `RegisteredServer.acquire`. */
  async acquire(caller: Caller, signal: AbortSignal): Promise<ServerLease> {
    if (this.#shared === undefined) return this.#users.acquire(caller, signal);
    this.#lastUsedAt = Date.now();
    return leaseShared(this.#shared, this.#redactShared);
  }

  /** Waits for a shared session that is on its way. Throws `ServerUnavailableError`, `CallCancelledError`. */
  async whenOpen(signal: AbortSignal): Promise<void> {
    if (this.status.state !== 'ready') await this.#shared?.whenOpen(START_WAIT_MS, signal);
  }

  /** Opens a session of a user's with these values, lists the tools and ends it; returns their names. */
  async tryOut(user: UserCaller, values: UserValues, signal: AbortSignal): Promise<readonly string[]> {
    return this.#users.tryOut(user, values, signal);
  }

  /** The sessions of which something is left. */
  list(): readonly SessionFactsOfServer[] {
    if (this.#shared === undefined) return this.#users.list();
    const { state, session } = this.#shared;
    if (session === undefined) return [];
    const { running: runningCalls } = this.limit;
    return [{ owner: undefined, chatId: undefined, state, lastUsedAt: this.#lastUsedAt, runningCalls }];
  }

  /** Ends a user's sessions at once, and nobody else's. */
  async endOwned(owner: UserId): Promise<void> {
    this.#catalogue.forget(owner);
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

  /** Ends them once no call uses them any more, or after `drainTimeMs`; resolves when nothing of them is left. */
  async retire(drainTimeMs: number): Promise<void> {
    const { isServing } = this;
    this.#catalogue.freeze();
    void this.#discovery.stop();
    if (isServing) await this.calls.whenNone(drainTimeMs);
    await this.stop();
  }

  /** Ends them at once and for good; resolves when nothing of them is left. */
  stop(): Promise<void> {
    this.#isStarted = false;
    this.#stopping ??= this.#stopAll();
    this.calls.giveUp();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    await Promise.all([this.#shared?.stop(), this.#users.close(), this.#discovery.stop()]);
  }

  #createShared(): SupervisedSession {
    const { config, dependencies, onState, onChange } = this.#options;
    const { openSession, logger } = dependencies;
    return createSharedSession({
      config,
      openSession: async (options) => {
        await this.#options.mayOpen();
        return openSession(options);
      },
      logger,
      redact: this.#redactShared,
      prepare: (session, signal) => this.#readTools(session, signal).readFirst(),
      onFault: (error) => this.#reportFault(error),
      onStateChange: (state, why) => {
        onState(state, why);
        onChange();
      },
    });
  }

  /** The list of the service's own session, read now and whenever the server announces a change. */
  #readTools(session: Session, signal: AbortSignal): ToolListReader {
    const reader = new ToolListReader({
      read: async () => {
        if (!this.#catalogue.isFrozen) await this.#catalogue.list(session, signal);
      },
      onFailure: (error) => {
        const reason = error instanceof Error ? error.message : 'unknown';
        const { logger } = this.#options.dependencies;
        logger.warn('the changed list of tools could not be read', { server: this.#config.name, reason });
      },
    });
    session.onToolsChanged(() => reader.announce());
    void session.closed.then(() => reader.stop());
    return reader;
  }

  /** With the admin's own values, in place of a user's. */
  async #discover(signal: AbortSignal): Promise<void> {
    await this.#options.mayOpen();
    const { variables } = completeValues(this.#config, this.#config.discovery ?? new Map());
    const read = (session: Session) => this.#readTools(session, signal).readFirst(MAX_READS);
    await this.#users.withSession({ variables }, read, signal);
  }

  /** What one user's session lists may be a sign that the service itself would be listed something else by now. */
  async #takeUserList(list: UserList): Promise<void> {
    await this.#catalogue.offer(list);
    if (list.isAnnounced && this.isDiscovered) this.#discovery.again();
  }

  #reportFault(error: unknown): void {
    const stack = error instanceof Error ? error.stack : String(error);
    const { logger } = this.#options.dependencies;
    logger.error('a session failed by a fault of the service', { server: this.#config.name, error: stack });
  }
}
