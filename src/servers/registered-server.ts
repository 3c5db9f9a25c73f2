import type { UserId } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import type { ServerUnavailableError } from '../errors.ts';
import { CallLease, isReplaced } from './call-lease.ts';
import type { Catalogue } from './catalogue.ts';
import type { CatalogueDifference } from './catalogue-differences.ts';
import { type CatalogueOrigin, trustsFirstUser } from './catalogue-origin.ts';
import type { ConcurrencyLimit } from './concurrency-limit.ts';
import { ResultWatch } from './result-watch.ts';
import type { ServerLease } from './server-lease.ts';
import type { SessionFactsOfServer } from './server-sessions.ts';
import type { ServerStatus } from './server-status.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import type { SessionPlaces } from './session-places.ts';
import { SessionSuccession } from './session-succession.ts';
import type { Caller, UserCaller, UserValues } from './user-values.ts';
import { Waiters } from './waiters.ts';

/** One configured server with its state, its catalogue and its sessions, over all changes of its settings. */
export class RegisteredServer {
  readonly name: string;
  readonly resultWatch: ResultWatch;
  readonly #dependencies: SessionDependencies;
  readonly #waiters = new Waiters();
  readonly #sessions: SessionSuccession;

  constructor(config: ServerConfig, dependencies: SessionDependencies, places: SessionPlaces) {
    this.name = config.name;
    this.resultWatch = new ResultWatch(config.name, dependencies.logger);
    this.#dependencies = dependencies;
    const onChange = () => this.#waiters.wake();
    this.#sessions = new SessionSuccession({ config, dependencies, places, onChange });
  }

  /** What holds now: of changed settings, what sessions are made of holds once the new sessions work. */
  get config(): ServerConfig {
    return this.#sessions.current.config;
  }

  get catalogue(): Catalogue | undefined {
    return this.#sessions.current.catalogue;
  }

  get limit(): ConcurrencyLimit {
    return this.#sessions.current.limit;
  }

  get status(): ServerStatus {
    const { current, next } = this.#sessions;
    const { status } = current;
    if (next === undefined) return status;
    const { problem } = next;
    const change =
      problem === undefined
        ? 'its changed settings are starting'
        : `its changed settings do not work yet: ${problem.reason}`;
    return {
      ...status,
      reason: status.reason === undefined ? change : `${status.reason}; ${change}`,
      detail: [status.detail, problem?.detail].filter((detail) => detail !== undefined).join('; ') || undefined,
    };
  }

  /** All callers use one session, and one list of tools. */
  get isShared(): boolean {
    return this.#sessions.current.isShared;
  }

  /**
   * Whose session the document's tools are waited for, where there are none yet: any user's, or an admin's. `undefined`
   * where there are some, or the service itself lists them.
   */
  get awaitedSource(): 'user' | 'admin' | undefined {
    const { current } = this.#sessions;
    if (current.isShared || current.isDiscovered || this.catalogue !== undefined) return undefined;
    return trustsFirstUser(this.config) ? 'user' : 'admin';
  }

  /** Where the list of tools that all see comes from. */
  get catalogueOrigin(): CatalogueOrigin | undefined {
    return this.#sessions.current.catalogueOrigin;
  }

  /** How lists of users' sessions differ from the one that all see; the newest last. */
  get catalogueDifferences(): readonly CatalogueDifference[] {
    return this.#sessions.current.differences;
  }

  /** Makes the list of a difference the one that all see; `false` if it is not known any more. */
  chooseCatalogue(id: string): boolean {
    return this.#sessions.current.chooseCatalogue(id);
  }

  /** Opens the shared session, or lists the tools of a server that has a session for each user. */
  start(): void {
    this.#sessions.start();
  }

  /** Serves a list of tools that was kept until the server tells its own. */
  restoreCatalogue(content: string): void {
    this.#sessions.current.restoreCatalogue(content);
  }

  /**
   * Takes over changed settings: at once where no session is made of them, the others when sessions with them work;
   * until then the sessions that there are go on. Returns whether anything is changed.
   */
  reconfigure(config: ServerConfig): boolean {
    return this.#sessions.reconfigure(config);
  }

  /**
   * Leases the session that this caller's call runs on: the shared one, or his own, which is opened when there is none.
   * Throws `UnauthenticatedError` where only a user has one, `UserVariablesMissingError`, the errors of opening it, and
   * `NotFoundError` once the server is removed.
   */
  async acquire(caller: Caller, signal: AbortSignal): Promise<ServerLease> {
    return CallLease.acquire(this.#sessions.forCalls, caller, signal);
  }

  /** Waits for a shared session that is on its way. Throws `ServerUnavailableError`, `CallCancelledError`. */
  async whenOpen(signal: AbortSignal): Promise<void> {
    const { forCalls } = this.#sessions;
    for (;;) {
      const sessions = forCalls();
      try {
        return await sessions.whenOpen(signal);
      } catch (error) {
        if (!isReplaced(sessions, forCalls, error)) throw error;
      }
    }
  }

  /** The error that tells a caller why there are no tools and when to come back. */
  unavailable(): ServerUnavailableError {
    return this.#sessions.current.unavailable();
  }

  /**
   * Returns the catalogue, waiting up to `waitMs` for a server that is on its way; `undefined` when there is none by
   * then, or when the server has failed or its tools are waited for from a user's session.
   */
  async whenCatalogue(waitMs: number): Promise<Catalogue | undefined> {
    if (this.catalogue === undefined) await this.#dependencies.keptCatalogues.restore();
    const isHopeless = () =>
      this.awaitedSource !== undefined || this.status.state === 'failed' || this.status.state === 'stopped';
    await this.#until(() => this.catalogue !== undefined || isHopeless(), waitMs);
    return this.catalogue;
  }

  /** Resolves once the first attempt to start has come to something, good or bad, or after `waitMs`. */
  async whenSettled(waitMs: number): Promise<void> {
    await this.#until(() => this.status.state !== 'starting', waitMs);
  }

  /** Opens a session of a user's with these values, lists the tools and ends it; returns their names. */
  async tryOut(user: UserCaller, values: UserValues, signal: AbortSignal): Promise<readonly string[]> {
    return this.#sessions.forCalls().tryOut(user, values, signal);
  }

  /** The sessions of which something is left, those with former settings included. */
  sessions(): readonly SessionFactsOfServer[] {
    return this.#sessions.serving().flatMap((sessions) => sessions.list());
  }

  /** Ends a user's sessions at once, and nobody else's. */
  async endOwned(owner: UserId): Promise<void> {
    await Promise.all(this.#sessions.all().map((sessions) => sessions.endOwned(owner)));
  }

  /** Ends all sessions at once; a shared one starts anew, out of any state, those of users with their next call. */
  async restart(): Promise<void> {
    await Promise.all([this.#sessions.current.restart(), this.#sessions.next?.restart()]);
  }

  /** Takes no new call; those that run may end within the drain time. Resolves when nothing of the server is left. */
  async remove(): Promise<void> {
    await this.#sessions.remove();
  }

  /** Ends the server's sessions at once; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    await this.#sessions.stop();
  }

  async #until(condition: () => boolean, waitMs: number): Promise<void> {
    const giveUpAt = Date.now() + waitMs;
    for (let leftMs = waitMs; !condition() && leftMs > 0; leftMs = giveUpAt - Date.now()) {
      await this.#waiters.next(leftMs);
    }
  }
}
