import type { UserId } from '../auth/user.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Store } from './secret-store.ts';
import type { UseNotes } from './use-notes.ts';
import type { ValueCache } from './value-cache.ts';

/** How long the database remembers changes; a replica that did not look for longer has missed some. */
export const CHANGES_KEPT_MS = 3_600_000;

const POLL_MS = 1_000;
/** With a margin for clocks that differ. */
const MAX_GAP_MS = CHANGES_KEPT_MS * 0.8;

/** Called after a change of what an owner has set for a server, or of everything of theirs if `server` is `undefined`. */
export type SecretChangeListener = (owner: UserId, server: string | undefined) => void;

export interface ChangeFeedOptions {
  readonly store: Pick<Store, 'revision' | 'changesAfter'>;
  /** Forgets values that have changed. */
  readonly cache: ValueCache;
  /** Forgets what was noted about previous values. */
  readonly notes: UseNotes;
  /** Who has sessions now: only erasures of known users can be noticed. */
  readonly sessionOwners: () => Iterable<UserId>;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Reports changes: those of this process at once, those of other replicas and of the command line within seconds. While
 * nobody would miss a change, the database is left alone.
 */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  readonly #listeners = new Set<SecretChangeListener>();
  /** Whose changes are being made by this process. */
  readonly #making = new Set<UserId>();
  /** Of the last change that was read; `undefined` while the feed does not run. */
  #revision: number | undefined;
  #readAt = 0;
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  /** Calls back after each later change; returns how to stop that. */
  listen(listener: SecretChangeListener): () => void {
    this.#listeners.add(listener);
    // The outage is in the log, and the feed tries again.
    if (this.#revision === undefined) this.catchUp().catch(() => undefined);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Resolves when every change so far was reported and every later one will be. Rejects with `VaultUnavailableError`,
   * and tries again.
   */
  async catchUp(): Promise<void> {
    if (this.#isClosed) return;
    this.#timer ??= setInterval(() => this.#poll(), POLL_MS).unref();
    // A reading that is under way may have begun before the change.
    await this.#reading?.catch(() => undefined);
    await this.#read();
  }

  /** Makes a change of this process, and reports it like those of others before it resolves to what `change` did. */
  async make<Result>(owner: UserId, server: string | undefined, change: () => Promise<Result>): Promise<Result> {
    if (this.#revision === undefined) await this.catchUp();
    this.#making.add(owner);
    try {
      const result = await change();
      await this.catchUp().catch(() => undefined);
      return result;
    } finally {
      this.#making.delete(owner);
      // After a failure too: the change may have been made, and then a later reading reports it.
      this.#options.cache.drop(owner, server);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
    clearInterval(this.#timer);
    await this.#reading?.catch(() => undefined);
  }

  /** Left alone while nobody would miss a change; what is changed then need not be reported either. */
  #poll(): void {
    const isNeeded = this.#listeners.size > 0 || !this.#options.cache.isEmpty;
    if (isNeeded) this.#read().catch(() => undefined);
    else this.#revision = undefined;
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    const { store, now, cache, notes, sessionOwners } = this.#options;
    const startedAt = now();
    const before = this.#revision;
    const latest = await store.revision();
    const isNew = before !== undefined && latest > before;
    const known = isNew ? [...cache.owners(), ...notes.owners(), ...sessionOwners(), ...this.#making] : [];
    const changes = isNew ? await store.changesAfter(before, known) : [];
    const isForgotten = isNew && changes.length === 0;
    const hasGap = before !== undefined && (latest < before || startedAt - this.#readAt > MAX_GAP_MS || isForgotten);
    this.#readAt = startedAt;
    this.#revision = changes.at(-1)?.revision ?? latest;
    if (hasGap) return this.#changesMissed();
    for (const { owner, server } of changes) if (owner !== undefined) this.#report(owner, server);
  }

  /** A user with a session has its values in the cache, which holds more than there may be sessions. */
  #changesMissed(): void {
    const dropped = this.#options.cache.dropAll();
    this.#options.logger.warn('changes of secrets may have been missed; sessions of users are opened anew', {
      sessions: dropped.length,
    });
    for (const { owner, server } of dropped) this.#report(owner, server);
  }

  #report(owner: UserId, server: string | undefined): void {
    const { cache, notes, logger } = this.#options;
    cache.drop(owner, server);
    if (server === undefined) void notes.forgetOwner(owner);
    else notes.forgetCredentials(owner, server);
    for (const listener of [...this.#listeners]) {
      try {
        listener(owner, server);
      } catch (error) {
        const reason = error instanceof Error ? error.name : typeof error;
        logger.error('a change of a secret could not be passed on', { reason });
      }
    }
  }
}
