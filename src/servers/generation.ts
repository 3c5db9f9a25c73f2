import type { UserId } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { ServerUnavailableError } from '../errors.ts';
import type { Session } from '../mcp/session.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { FairTurns, type TurnLimits } from '../turns/fair-turns.ts';
import type { FailureReason } from './failure-reason.ts';
import { withReloadableSettings } from './hot-reloadable.ts';
import { LeaseCount, type LeasedGeneration } from './lease.ts';
import { openServerSession, withUserSession } from './open-server-session.ts';
import { resolveSessionSettings } from './resolve-session-settings.ts';
import { ServerCatalogue } from './server-catalogue.ts';
import { type ServerStatus, type SessionFacts, toolsUnknown, toUserServerStatus } from './server-status.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import type { SessionQuota } from './session-quota.ts';
import { type SessionState, SharedSession } from './shared-session.ts';
import { followToolList } from './tool-list-reader.ts';
import { ToolLister } from './tool-lister.ts';
import { UserSessions } from './user-sessions.ts';
import { completeValues } from './user-values.ts';

/** A list that changes while it is read is read again, up to so many times. */
const MAX_READS = 3;

/** Queued calls for each that may run: enough to smooth a burst, few enough that the last one is still answered soon. */
const QUEUE_FACTOR = 16;

/** Of the shared session, or `not listed` where the tools of a server with a session for each user cannot be read. */
export interface StateChange {
  readonly state: SessionState | 'not listed';
  readonly why: FailureReason | undefined;
  /** Milliseconds until the next try, if it waits for that. */
  readonly retryInMs: number | undefined;
}

/** The server that a generation belongs to. */
export interface GenerationOwner {
  readonly dependencies: SessionDependencies;
  readonly quota: SessionQuota;
  /** Resolves when the server itself may open a session. */
  whenMayOpen(): Promise<unknown>;
  /** The shared session is in another state, or the tools could not be listed. */
  noteState(generation: Generation, change: StateChange): void;
  /** The state or the catalogue has changed. */
  noteChange(generation: Generation): void;
}

/**
 * The sessions of one server with one configuration, one that all callers share or one for each user, and the catalogue
 * that they list. Changing session settings creates a new generation.
 */
export class Generation implements LeasedGeneration {
  /** Set by `reconfigure` alone; a field, since every call reads it. */
  config: ServerConfig;
  /** Calls take turns, so that one caller's never block all others. */
  readonly turns: FairTurns;
  readonly leases = new LeaseCount();
  readonly catalogue: ServerCatalogue;
  /** The session of all callers; `undefined` where each user has one. */
  readonly shared: SharedSession | undefined;
  readonly users: UserSessions;
  readonly #owner: GenerationOwner;
  readonly #lister: ToolLister;
  readonly #stop = new AbortController();
  #isStarted = false;
  #stopping: Promise<void> | undefined;

  /** `former` is the generation before, whose catalogue is served until this one's is known. */
  constructor(config: ServerConfig, owner: GenerationOwner, former?: Generation) {
    const { dependencies, quota } = owner;
    const onChange = () => owner.noteChange(this);
    this.#owner = owner;
    this.config = config;
    this.turns = new FairTurns(toTurnLimits(config));
    this.catalogue = new ServerCatalogue({ config, dependencies, former: former?.catalogue, onChange });
    this.#lister = new ToolLister({
      server: config.name,
      logger: dependencies.logger,
      list: (signal) => this.#listTools(signal),
      redact: dependencies.redactor.redactorFor(config.discovery?.values()),
      onStateChange: (state, why, retryInMs) => {
        if (state === 'failing') owner.noteState(this, { state: 'not listed', why, retryInMs });
        onChange();
      },
    });
    this.users = new UserSessions({
      config,
      dependencies,
      quota,
      catalogue: this.catalogue,
      // The service's own session may list something else by now, too.
      onAnnouncedList: () => this.#lister.again(),
    });
    if (config.isolation === 'shared') this.shared = this.#createShared();
  }

  get status(): ServerStatus {
    if (this.shared !== undefined) {
      const { state, why, times } = this.shared;
      return { state, ...why, since: times.since, nextTryAt: times.nextTryAt };
    }
    return toUserServerStatus(this.#isStarted, this.#lister, this.catalogue.current !== undefined);
  }

  /** Why it does not work, if that is known. */
  get problem(): FailureReason | undefined {
    return this.shared === undefined ? this.#lister.why : this.shared.why;
  }

  /** Calls can run now. */
  get isServing(): boolean {
    return this.shared === undefined ? this.status.state === 'ready' : this.shared.session !== undefined;
  }

  /** It works, as far as the service can find out: the session is open, the tools are listed. */
  get isReady(): boolean {
    if (this.shared !== undefined) return this.shared.state === 'ready';
    return this.#isStarted && (!this.#isListed || this.#lister.state === 'done');
  }

  /** The error for a caller: why there are no tools, and when to come back. */
  unavailable(): ServerUnavailableError {
    return this.shared?.unavailable() ?? toolsUnknown(this.config.name, this.status);
  }

  /** Takes over the settings that apply without reopening sessions. */
  reconfigure(config: ServerConfig): void {
    this.config = withReloadableSettings(this.config, config);
    this.turns.resize(toTurnLimits(config));
    this.catalogue.reconfigure(this.config);
    this.users.reconfigure(this.config);
  }

  /** Opens the shared session, or lists the tools of a server that has a session for each user. */
  start(): void {
    this.#isStarted = true;
    if (this.shared !== undefined) this.shared.start();
    else if (this.#isListed) this.#lister.start();
    else this.#owner.noteChange(this);
  }

  /** The sessions of which something is left. */
  sessions(): readonly SessionFacts[] {
    if (this.shared === undefined) return this.users.facts();
    const { state, session } = this.shared;
    if (session === undefined) return [];
    const { running: runningCalls } = this.turns;
    const { lastUsedAt } = this.leases;
    return [{ owner: undefined, chatId: undefined, state, lastUsedAt, runningCalls, pid: session.pid }];
  }

  /** Ends a user's sessions at once, and no other user's. */
  async endOwned(owner: UserId): Promise<void> {
    this.catalogue.forget(owner);
    await this.users.endOwned(owner);
  }

  /** Ends all sessions at once; a shared one starts anew, out of any state, those of users with their next call. */
  async restart(): Promise<void> {
    if (!this.#isStarted) return;
    await Promise.all([this.shared?.stop(), this.users.endAll(), this.#lister.stop()]);
    if (this.#isStarted) this.start();
  }

  /** Ends them when no call leases them any more, or after `drainTimeMs`; resolves when nothing of them is left. */
  async retire(drainTimeMs: number): Promise<void> {
    const { isServing } = this;
    this.catalogue.freeze();
    void this.#lister.stop();
    if (isServing) await this.leases.whenNone(drainTimeMs, this.#stop.signal);
    await this.stop();
  }

  /** Ends them at once and for good; resolves when nothing of them is left. */
  stop(): Promise<void> {
    this.#isStarted = false;
    this.#stop.abort();
    this.#stopping ??= Promise.all([this.shared?.stop(), this.users.stop(), this.#lister.stop()]).then(() => {});
    return this.#stopping;
  }

  /** The service itself lists the tools of a server that has a session for each user. */
  get #isListed(): boolean {
    return this.shared === undefined && this.config.discovery !== undefined;
  }

  #createShared(): SharedSession {
    const { dependencies } = this.#owner;
    const { config } = this;
    const redact = dependencies.redactor.redactorFor();
    return new SharedSession({
      server: config.name,
      logger: dependencies.logger,
      redact,
      open: async (signal) => {
        await this.#owner.whenMayOpen();
        const settings = resolveSessionSettings(config, { variables: new Map() });
        return openServerSession(config, dependencies, { settings, redact, signal });
      },
      prepare: (session, signal) => this.#followTools(session, redact, signal),
      tools: this.catalogue,
      onStateChange: (state, why, retryInMs) => {
        this.#owner.noteState(this, { state, why, retryInMs });
        this.#owner.noteChange(this);
      },
    });
  }

  /** On a session with the admin's own values, in place of a user's. */
  async #listTools(signal: AbortSignal): Promise<void> {
    await this.#owner.whenMayOpen();
    const { config } = this;
    const { variables } = completeValues(config, config.discovery ?? new Map());
    const read = (session: Session, redact: Redact) => this.#followTools(session, redact, signal, MAX_READS);
    await withUserSession(config, this.#owner.dependencies, { variables }, read, signal);
  }

  /** Serves the list of the service's own session, now and after each change. */
  async #followTools(session: Session, redact: Redact, signal: AbortSignal, maxReads?: number): Promise<void> {
    const read = () => this.catalogue.list(session, signal);
    const { logger } = this.#owner.dependencies;
    await followToolList(session, { server: this.config.name, logger, redact, read }, maxReads);
  }
}

function toTurnLimits({ maxConcurrency, maxConcurrencyPerUser }: ServerConfig): TurnLimits {
  return {
    maxRunning: maxConcurrency,
    maxRunningOfOne: maxConcurrencyPerUser,
    maxWaiting: maxConcurrency * QUEUE_FACTOR,
  };
}
