import type { ServerConfig } from '../config/server-config.ts';
import { NotFoundError, type ServerUnavailableError } from '../errors.ts';
import type { FairTurns } from '../turns/fair-turns.ts';
import type { Catalogue } from './catalogue.ts';
import { isListedByService, trustsFirstUser } from './catalogue-origin.ts';
import type { Generation } from './generation.ts';
import { Generations } from './generations.ts';
import { Lease } from './lease.ts';
import { ResultWatch } from './result-watch.ts';
import type { ServerCatalogue } from './server-catalogue.ts';
import { type ServerStatus, toChangingStatus } from './server-status.ts';
import { titleOfServer } from './server-title.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import type { SessionQuota } from './session-quota.ts';
import { StderrLog } from './stderr-log.ts';
import type { Caller } from './user-values.ts';

/** One configured server, as calls and documents use it: its state, its catalogue and its sessions. */
export class Server {
  readonly name: string;
  readonly generations: Generations;
  readonly resultWatch: ResultWatch;
  /** What its child processes said last, over all sessions and configurations. */
  readonly stderr = new StderrLog();

  constructor(config: ServerConfig, dependencies: SessionDependencies, quota: SessionQuota) {
    this.name = config.name;
    const noteStderr = (line: string) => this.stderr.add(line);
    this.generations = new Generations(config, { ...dependencies, noteStderr }, quota);
    this.resultWatch = new ResultWatch(config.name, dependencies.logger);
  }

  /** What applies now: changed session settings apply once the new generation works. */
  get config(): ServerConfig {
    return this.generations.current.config;
  }

  /** What people call it, in lists that show its name as well. */
  get title(): string {
    return titleOfServer(this.config, this.catalogue?.serverInfo);
  }

  /** How many sessions of users it may have at once. */
  get maxSessions(): number {
    return this.generations.quota.maxOf({ server: this.config, isProcess: this.config.transport.type === 'stdio' });
  }

  get catalogue(): Catalogue | undefined {
    return this.generations.current.catalogue.current;
  }

  /** The turns that its calls take. */
  get turns(): FairTurns {
    return this.generations.current.turns;
  }

  /** All callers use one session, and one list of tools. */
  get isShared(): boolean {
    return this.generations.current.shared !== undefined;
  }

  get status(): ServerStatus {
    const { current, next } = this.generations;
    return next === undefined ? current.status : toChangingStatus(current.status, next.problem);
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
  get tools(): Pick<ServerCatalogue, 'origin' | 'offered' | 'differences' | 'choose'> {
    return this.generations.current.catalogue;
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
    return this.generations.current.unavailable();
  }

  /**
   * Returns the catalogue, waiting up to `waitMs` for a server that is starting; `undefined` if there is none by then,
   * if the server has failed, or if a user's session is awaited to list the tools.
   */
  async whenCatalogue(waitMs: number): Promise<Catalogue | undefined> {
    await this.generations.current.catalogue.loadCached();
    const isHopeless = () =>
      this.awaitedSource !== undefined || this.status.state === 'failed' || this.status.state === 'stopped';
    await this.generations.changes.until(() => this.catalogue !== undefined || isHopeless(), waitMs);
    return this.catalogue;
  }

  /** Resolves once the first attempt to start has succeeded or failed, or after `waitMs`. */
  async whenSettled(waitMs: number): Promise<void> {
    await this.generations.changes.until(() => this.status.state !== 'starting', waitMs);
  }

  /** The generation that new calls run on. Throws `NotFoundError` once the server is removed. */
  readonly #forCalls = (): Generation => {
    if (this.generations.isRemoved) throw new NotFoundError(`Server "${this.name}" has been removed.`);
    return this.generations.current;
  };
}
