import type { ServerConfig } from '../config/server-config.ts';
import { NotFoundError } from '../errors.ts';
import type { Catalogue } from './catalogue.ts';
import type { FailureReason } from './failure-reason.ts';
import { fingerprint, sessionFingerprint } from './live-settings.ts';
import { ServerSessions } from './server-sessions.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import type { SessionPlaces } from './session-places.ts';
import type { SessionState } from './supervised-session.ts';

export interface SessionSuccessionOptions {
  readonly config: ServerConfig;
  readonly dependencies: SessionDependencies;
  readonly places: SessionPlaces;
  /** Called after every change of state or catalogue. */
  readonly onChange: () => void;
}

/**
 * One server's sessions over all changes of its settings. What the sessions of one configuration go through:
 *
 *   next ──they work, or nothing else serves──▶ current ──replaced, or the server is removed──▶ former
 *    │ changed again, or back                                        after their last call, or the drain time │
 *    └──────────────────────────────────────────▶ ended ◀────────────────────────────────────────────────────┘
 */
export class SessionSuccession {
  readonly #options: SessionSuccessionOptions;
  readonly #former = new Set<ServerSessions>();
  /** The ends of those that served nobody: others start after them, so that no two of them start at once. */
  readonly #ends = new Set<Promise<void>>();
  #current: ServerSessions;
  #next: ServerSessions | undefined;
  #wanted: ServerConfig;
  #isStarted = false;
  #isRemoved = false;

  constructor(options: SessionSuccessionOptions) {
    this.#options = options;
    this.#wanted = options.config;
    this.#current = this.#create(options.config, undefined);
  }

  get current(): ServerSessions {
    return this.#current;
  }

  /** Those with the changed settings, until they work. */
  get next(): ServerSessions | undefined {
    return this.#next;
  }

  /** Gives the sessions that new calls run on. Throws `NotFoundError` once the server is removed. */
  readonly forCalls = (): ServerSessions => {
    if (this.#isRemoved) throw new NotFoundError(`There is no server "${this.#wanted.name}" here any more.`);
    return this.#current;
  };

  /** The current ones and the former ones of which something is left. */
  serving(): readonly ServerSessions[] {
    return [this.#current, ...this.#former];
  }

  all(): readonly ServerSessions[] {
    return this.#next === undefined ? this.serving() : [...this.serving(), this.#next];
  }

  start(): void {
    this.#isStarted = true;
    this.#current.start();
  }

  /** See `RegisteredServer.reconfigure`. */
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
    this.#options.onChange();
    return true;
  }

  /** Takes no new call; those that run may end within the drain time. Resolves when nothing is left. */
  async remove(): Promise<void> {
    this.#isRemoved = true;
    this.#giveUpNext();
    await Promise.all(this.serving().map((sessions) => sessions.retire(this.#drainTimeMs)));
    await this.stop();
  }

  /** Ends all at once; resolves when nothing is left. */
  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#giveUpNext();
    await Promise.all([...this.serving().map((sessions) => sessions.stop()), ...this.#ends]);
  }

  get #drainTimeMs(): number {
    return this.#options.dependencies.drainTimeMs;
  }

  #create(config: ServerConfig, before: Catalogue | undefined): ServerSessions {
    const { dependencies, places, onChange } = this.#options;
    const sessions: ServerSessions = new ServerSessions({
      config,
      dependencies,
      places,
      mayOpen: () => Promise.allSettled(this.#ends),
      before,
      onState: (state, why) => this.#tell(sessions, state, why),
      onChange: () => {
        if (this.#next === sessions && sessions.isReady) this.#takeOver(sessions);
        onChange();
      },
    });
    return sessions;
  }

  /** Where nothing serves, nothing is lost by waiting for the new ones alone. */
  #prepare(config: ServerConfig): void {
    const former = this.#current;
    const next = this.#create(config, former.catalogue);
    next.inheritCatalogue(former);
    if (former.isServing) this.#next = next;
    else this.#takeOver(next);
    if (this.#isStarted) next.start();
  }

  #takeOver(next: ServerSessions): void {
    const former = this.#current;
    const wasServing = former.isServing;
    this.#current = next;
    this.#next = undefined;
    if (wasServing) {
      this.#options.dependencies.logger.info('server runs with its changed settings', { server: this.#wanted.name });
    }
    // No call takes longer, but for one that tells of its progress.
    const end = former.retire(Math.max(this.#drainTimeMs, former.config.timeoutMs));
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

  #tell(sessions: ServerSessions, state: SessionState | 'not listed', why: FailureReason | undefined): void {
    const { logger } = this.#options.dependencies;
    const isBad = state === 'failed' || state === 'backing off' || state === 'degraded' || state === 'not listed';
    const facts = { server: this.#wanted.name, ...why };
    if (sessions === this.#next) {
      if (isBad) logger.warn('the changed settings of the server do not work yet; those before go on', facts);
    } else if (sessions !== this.#current) {
      logger.debug(`a session with former settings is ${state}`, facts);
    } else if (state === 'not listed') {
      logger.warn('the tools could not be listed', facts);
    } else {
      logger[isBad ? 'warn' : 'info'](`server is ${state}`, facts);
    }
  }
}
