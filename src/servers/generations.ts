import { isDeepStrictEqual } from 'node:util';
import type { UserId } from '../auth/user.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { Generation, type GenerationOwner, type StateChange } from './generation.ts';
import { hasSameSessions } from './hot-reloadable.ts';
import type { SessionFacts } from './server-status.ts';
import type { SessionDependencies } from './session-dependencies.ts';
import type { SessionQuota } from './session-quota.ts';
import { Waiters } from './waiters.ts';

const BAD_STATES: ReadonlySet<string> = new Set(['failed', 'backing off', 'degraded', 'not listed']);

const FAILURES: ReadonlyMap<string, string> = new Map([
  ['backing off', 'server failed'],
  ['failed', 'server failed again and again'],
  ['not listed', 'the tools could not be listed'],
]);

/**
 * The sessions of one server over all changes of its settings. A generation is
 *
 *   next ──it works, or nothing else serves──▶ current ──replaced, or the server is removed──▶ former
 *    │ changed again, or back                                 after its last call, or the drain time │
 *    └───────────────────────────────────────▶ ended ◀───────────────────────────────────────────────┘
 */
export class Generations implements GenerationOwner {
  /** This and the next two are set by this class alone. New calls run on it. */
  current: Generation;
  /** The one with the changed settings, until it works. */
  next: Generation | undefined;
  isRemoved = false;
  readonly dependencies: SessionDependencies;
  readonly quota: SessionQuota;
  /** Woken when the state or the catalogue has changed. */
  readonly changes = new Waiters();
  readonly #former = new Set<Generation>();
  /** The ends of generations that served no calls: a new one opens sessions only after them, so that no two start at once. */
  readonly #ends = new Set<Promise<void>>();
  #wanted: ServerConfig;
  #isStarted = false;

  constructor(config: ServerConfig, dependencies: SessionDependencies, quota: SessionQuota) {
    this.dependencies = dependencies;
    this.quota = quota;
    this.#wanted = config;
    this.current = new Generation(config, this);
  }

  /** Opens the shared session, or lists the tools of a server that has a session for each user. */
  start(): void {
    this.#isStarted = true;
    this.current.start();
  }

  /**
   * Applies changed settings: session settings when sessions with them work, until when the previous ones stay in use;
   * all others at once. Returns whether anything has changed.
   */
  reconfigure(config: ServerConfig): boolean {
    if (this.isRemoved || isDeepStrictEqual(config, this.#wanted)) return false;
    this.#wanted = config;
    this.current.reconfigure(config);
    if (hasSameSessions(config, this.current.config)) {
      this.#giveUpNext();
    } else if (this.next !== undefined && hasSameSessions(config, this.next.config)) {
      this.next.reconfigure(config);
    } else {
      this.#giveUpNext();
      this.#prepare(config);
    }
    this.changes.wake();
    return true;
  }

  /** The sessions of which something is left, those with former settings included. */
  sessions(): readonly SessionFacts[] {
    return this.#serving().flatMap((generation) => generation.sessions());
  }

  /** Calls that run or wait for their turn, those of former generations included. */
  calls(): { readonly running: number; readonly waiting: number } {
    const turns = this.#serving().map((generation) => generation.turns);
    const sum = (key: 'running' | 'waiting') => turns.reduce((all, one) => all + one[key], 0);
    return { running: sum('running'), waiting: sum('waiting') };
  }

  /** Ends a user's sessions at once, and no other user's. */
  async endOwned(owner: UserId): Promise<void> {
    const next = this.next === undefined ? [] : [this.next];
    await Promise.all([...this.#serving(), ...next].map((generation) => generation.endOwned(owner)));
  }

  /** Ends all sessions at once; a shared one starts anew, out of any state, those of users with their next call. */
  async restart(): Promise<void> {
    await Promise.all([this.current.restart(), this.next?.restart()]);
  }

  /** Takes no new call; those that run may end within the drain time. Resolves when nothing of the server is left. */
  async remove(): Promise<void> {
    this.isRemoved = true;
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
    if (this.next === generation && generation.isReady) this.#replaceCurrent(generation);
    this.changes.wake();
  }

  noteState(generation: Generation, change: StateChange): void {
    const { logger, noteRestart, noteFailed } = this.dependencies;
    const { state, why, retryInMs } = change;
    if (state === 'starting' && why !== undefined) noteRestart?.(generation.config.name);
    if (state === 'failed' && generation === this.current) noteFailed?.(generation.config.name, why?.reason ?? '');
    const isBad = BAD_STATES.has(state);
    const retry = retryInMs === undefined ? {} : { retryInSeconds: Math.round(retryInMs / 100) / 10 };
    const facts = { server: generation.config.name, state, ...retry, ...why };
    if (generation === this.next) {
      if (isBad)
        logger.warn('the changed settings of the server do not work yet; the previous ones stay in use', facts);
    } else if (generation !== this.current) {
      logger.debug(`a session with former settings is ${state}`, facts);
    } else if (isBad) {
      logger.warn(describeFailure(change), facts);
    } else if (state === 'starting') {
      // What comes of it is logged, and the line of a failure has said when.
      logger.debug('server is starting', facts);
    } else {
      const tools = state === 'ready' ? { tools: generation.catalogue.current?.tools.size } : {};
      logger.info(`server is ${state}`, { server: facts.server, ...tools });
    }
  }

  #serving(): readonly Generation[] {
    return [this.current, ...this.#former];
  }

  /** Prepares a generation with changed settings; a current one that does not serve is replaced at once. */
  #prepare(config: ServerConfig): void {
    const next = new Generation(config, this, this.current);
    if (this.current.isServing) this.next = next;
    else this.#replaceCurrent(next);
    if (this.#isStarted) next.start();
  }

  #replaceCurrent(next: Generation): void {
    const { drainTimeMs, logger } = this.dependencies;
    const former = this.current;
    const wasServing = former.isServing;
    this.current = next;
    this.next = undefined;
    if (wasServing) logger.info('server runs with its changed settings', { server: next.config.name });
    // No call takes longer, but for one that reports progress.
    const end = former.retire(Math.max(drainTimeMs, former.config.timeoutMs));
    const forget = () => void this.#former.delete(former);
    this.#former.add(former);
    void end.then(forget, forget);
    if (!wasServing) this.#noteEnd(end);
  }

  #giveUpNext(): void {
    const { next } = this;
    this.next = undefined;
    if (next !== undefined) this.#noteEnd(next.stop());
  }

  #noteEnd(end: Promise<void>): void {
    const forget = () => void this.#ends.delete(end);
    this.#ends.add(end);
    void end.then(forget, forget);
  }
}

/** One line for each failure, with what happens next. */
function describeFailure({ state, retryInMs }: StateChange): string {
  const what = FAILURES.get(state) ?? `server is ${state}`;
  if (retryInMs === undefined) return what;
  const seconds = Math.round(retryInMs / 1_000);
  return `${what}; ${retryInMs < 100 ? 'trying again now' : `next try in ${seconds < 1 ? 'less than 1' : seconds} s`}`;
}
