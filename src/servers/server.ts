import type { UserId } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { NotFoundError, type ServerUnavailableError } from '../errors.ts';
import type { FairTurns } from '../turns/fair-turns.ts';
import type { Catalogue } from './catalogue.ts';
import { isListedByService, trustsFirstUser } from './catalogue-origin.ts';
import type { FailureReason } from './failure-reason.ts';
import { Generation, type GenerationOwner } from './generation.ts';
import { fingerprint, sessionFingerprint } from './hot-reloadable.ts';
import { Lease } from './lease.ts';
import { ResultWatch } from './result-watch.ts';
import type { ServerCatalogue } from './server-catalogue.ts';
import { type ServerStatus, type SessionFacts, toChangingStatus } from './server-status.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import type { SessionQuota } from './session-quota.ts';
import type { Caller } from './user-values.ts';
import { Waiters } from './waiters.ts';

const BAD_STATES: ReadonlySet<string> = new Set(['failed', 'backing off', 'degraded', 'not listed']);

/**
 * One configured server: its state, its catalogue and its sessions, over all changes of its settings. A generation is
 *
 *   next ──it works, or nothing else serves──▶ current ──replaced, or the server is removed──▶ former
 *    │ changed again, or back                                 after its last call, or the drain time │
 *    └───────────────────────────────────────▶ ended ◀───────────────────────────────────────────────┘
 */
export class Server implements GenerationOwner {
  readonly name: string;
  readonly dependencies: SessionDependencies;
  readonly quota: SessionQuota;
  readonly resultWatch: ResultWatch;
  readonly #waiters = new Waiters();
  readonly #former = new Set<Generation>();
  /** The ends of generations that served no calls: a new one opens sessions only after them, so that no two start at once. */
  readonly #ends = new Set<Promise<void>>();
  #current: Generation;
  /** The one with the changed settings, until it works. */
  #next: Generation | undefined;
  #wanted: ServerConfig;
  #isStarted = false;
  #isRemoved = false;

  constructor(config: ServerConfig, dependencies: SessionDependencies, quota: SessionQuota) {
    this.name = config.name;
    this.dependencies = dependencies;
    this.quota = quota;
    this.resultWatch = new ResultWatch(config.name, dependencies.logger);
    this.#wanted = config;
    this.#current = new Generation(config, this);
  }

  /** What applies now: changed session settings apply once the new generation works. */
  get config(): ServerConfig {
    return this.#current.config;
  }

  get catalogue(): Catalogue | undefined {
    return this.#current.catalogue.current;
  }

  get turns(): FairTurns {
    return this.#current.turns;
  }

  get status(): ServerStatus {
    const { status } = this.#current;
    return this.#next === undefined ? status : toChangingStatus(status, this.#next.problem);
  }

  /** All callers use one session, and one list of tools. */
  get isShared(): boolean {
    return this.#current.shared !== undefined;
  }

  /**
   * Whose session is awaited to list the document's tools: any user's, or an admin's. `undefined` where they are known,
   * or the service itself lists them.
   */
  get awaitedSource(): 'user' | 'admin' | undefined {
    if (isListedByService(this.config) || this.catalogue !== undefined) return undefined;
    return trustsFirstUser(this.config) ? 'user' : 'admin';
  }

  /** Where the list of tools that all see comes from, and how those of users' sessions differ. */
  get tools(): Pick<ServerCatalogue, 'origin' | 'differences' | 'choose'> {
    return this.#current.catalogue;
  }

  /** Opens the shared session, or lists the tools of a server that has a session for each user. */
  start(): void {
    this.#isStarted = true;
    this.#current.start();
  }

  /**
   * Applies changed settings: session settings when sessions with them work, until when the previous ones stay in use;
   * all others at once. Returns whether anything has changed.
   */
  reconfigure(config: ServerConfig): boolean {
    if (this.#isRemoved || fingerprint(config) === fingerprint(this.#wanted)) return false;
    this.#wanted = config;
    this.#current.reconfigure(config);
    const wanted = sessionFingerprint(config);
    if (wanted === sessionFingerprint(this.#current.config)) {
      this.#giveUpNext();
    } else if (this.#next !== undefined && wanted === sessionFingerprint(this.#next.config)) {
      this.#next.reconfigure(config);
    } else {
      this.#giveUpNext();
      this.#prepare(config);
    }
    this.#waiters.wake();
    return true;
  }

  /**
   * Leases the session that a call of this caller runs on: the shared one, or their own, opened if there is none.
   * Throws the errors of `UserSessions.acquire`, and `NotFoundError` once the server is removed.
   */
  acquire(caller: Caller, signal: AbortSignal): Promise<Lease> {
    return Lease.acquire(this.#forCalls, caller, signal);
  }

  /** The error for a caller: why there are no tools, and when to come back. */
  unavailable(): ServerUnavailableError {
    return this.#current.unavailable();
  }

  /**
   * Returns the catalogue, waiting up to `waitMs` for a server that is starting; `undefined` if there is none by then,
   * if the server has failed, or if a user's session is awaited to list the tools.
   */
  async whenCatalogue(waitMs: number): Promise<Catalogue | undefined> {
    await this.#current.catalogue.loadCached();
    const isHopeless = () =>
      this.awaitedSource !== undefined || this.status.state === 'failed' || this.status.state === 'stopped';
    await this.#waiters.until(() => this.catalogue !== undefined || isHopeless(), waitMs);
    return this.catalogue;
  }

  /** Resolves once the first attempt to start has succeeded or failed, or after `waitMs`. */
  async whenSettled(waitMs: number): Promise<void> {
    await this.#waiters.until(() => this.status.state !== 'starting', waitMs);
  }

  /** The sessions of which something is left, those with former settings included. */
  sessions(): readonly SessionFacts[] {
    return this.#serving().flatMap((generation) => generation.sessions());
  }

  /** Ends a user's sessions at once, and no other user's. */
  async endOwned(owner: UserId): Promise<void> {
    const next = this.#next === undefined ? [] : [this.#next];
    await Promise.all([...this.#serving(), ...next].map((generation) => generation.endOwned(owner)));
  }

  /** Ends all sessions at once; a shared one starts anew, out of any state, those of users with their next call. */
  async restart(): Promise<void> {
    await Promise.all([this.#current.restart(), this.#next?.restart()]);
  }

  /** Takes no new call; those that run may end within the drain time. Resolves when nothing of the server is left. */
  async remove(): Promise<void> {
    this.#isRemoved = true;
    this.#giveUpNext();
    await Promise.all(this.#serving().map((generation) => generation.retire(this.dependencies.drainTimeMs)));
    await this.stop();
  }

  /** Ends the server's sessions at once; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#giveUpNext();
    await Promise.all([...this.#serving().map((generation) => generation.stop()), ...this.#ends]);
  }

  whenMayOpen(): Promise<unknown> {
    return Promise.allSettled(this.#ends);
  }

  noteChange(generation: Generation): void {
    if (this.#next === generation && generation.isReady) this.#replaceCurrent(generation);
    this.#waiters.wake();
  }

  noteState(generation: Generation, state: string, why: FailureReason | undefined): void {
    const { logger } = this.dependencies;
    const isBad = BAD_STATES.has(state);
    const facts = { server: this.name, ...why };
    if (generation === this.#next) {
      if (isBad)
        logger.warn('the changed settings of the server do not work yet; the previous ones stay in use', facts);
    } else if (generation !== this.#current) {
      logger.debug(`a session with former settings is ${state}`, facts);
    } else if (state === 'not listed') {
      logger.warn('the tools could not be listed', facts);
    } else {
      logger[isBad ? 'warn' : 'info'](`server is ${state}`, facts);
    }
  }

  /** The generation that new calls run on. Throws `NotFoundError` once the server is removed. */
  readonly #forCalls = (): Generation => {
    if (this.#isRemoved) throw new NotFoundError(`Server "${this.name}" has been removed.`);
    return this.#current;
  };

  #serving(): readonly Generation[] {
    return [this.#current, ...this.#former];
  }

  /** Prepares a generation with changed settings; a current one that does not serve is replaced at once. */
  #prepare(config: ServerConfig): void {
    const next = new Generation(config, this, this.#current);
    if (this.#current.isServing) this.#next = next;
    else this.#replaceCurrent(next);
    if (this.#isStarted) next.start();
  }

  #replaceCurrent(next: Generation): void {
    const { drainTimeMs, logger } = this.dependencies;
    const former = this.#current;
    const wasServing = former.isServing;
    this.#current = next;
    this.#next = undefined;
    if (wasServing) logger.info('server runs with its changed settings', { server: this.name });
    // No call takes longer, but for one that reports progress.
    const end = former.retire(Math.max(drainTimeMs, former.config.timeoutMs));
    const forget = () => void this.#former.delete(former);
    this.#former.add(former);
    void end.then(forget, forget);
    if (!wasServing) this.#noteEnd(end);
  }

  #giveUpNext(): void {
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.#noteEnd(next.stop());
  }

  #noteEnd(end: Promise<void>): void {
    const forget = () => void this.#ends.delete(end);
    this.#ends.add(end);
    void end.then(forget, forget);
  }
}
