import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { SqlCatalogueCache } from './catalogue-cache.ts';
import { type LastBackup, readLastBackup } from './last-backup.ts';
import type { Database, DatabaseLocation } from './open-database.ts';

/** The shortest pause after a failed attempt, so that calls do not wait for one attempt after the other. */
const MIN_RETRY_PAUSE_MS = 1_000;

/** Whether the database answers, and what it says of its last backup. */
export interface DatabaseState {
  readonly isUp: boolean;
  readonly lastBackup?: LastBackup | undefined;
}

const DOWN: DatabaseState = { isUp: false };

/** The database, opened when it is first asked for; the query layer is loaded then. */
export class LazyDatabase {
  readonly catalogues: SqlCatalogueCache;
  readonly #location: DatabaseLocation;
  readonly #logger: Logger;
  readonly #now: () => number;
  #database: Promise<Database | undefined> | undefined;
  #retryAt = 0;
  #hasFailed = false;
  #isClosed = false;

  constructor(location: DatabaseLocation, logger: Logger, now: () => number = Date.now) {
    this.#location = location;
    this.#logger = logger;
    this.#now = now;
    this.catalogues = new SqlCatalogueCache(() => this.open(), logger);
  }

  /**
   * `undefined`, and logged once, while it cannot be opened: the service runs without it. The next call tries
   * again, at the earliest after a second, and after an attempt that waited longer (for a lock, say) that long.
   */
  open(): Promise<Database | undefined> {
    const mustWait = this.#hasFailed && this.#database === undefined && this.#now() < this.#retryAt;
    if (this.#isClosed || mustWait) return Promise.resolve(undefined);
    this.#database ??= this.#open();
    return this.#database;
  }

  /** Rejects while it cannot be opened; the next call tries again. */
  async require(): Promise<Database> {
    const database = await this.open();
    if (database === undefined) throw new Error('the database cannot be opened');
    return database;
  }

  /** Whether it answers within `withinMs`; `undefined` where nothing has needed it yet. Never rejects. */
  async state(withinMs: number): Promise<DatabaseState | undefined> {
    if (this.#database === undefined) return this.#hasFailed ? DOWN : undefined;
    const done = new AbortController();
    const tooLate = delay(withinMs, DOWN, { signal: done.signal }).catch(() => DOWN);
    try {
      return await Promise.race([this.#look(), tooLate]);
    } finally {
      done.abort();
    }
  }

  /** Writes what is on its way and closes; does not open it for that. */
  async close(): Promise<void> {
    await this.catalogues.flush();
    this.#isClosed = true;
    await (await this.#database)?.destroy();
  }

  async #look(): Promise<DatabaseState> {
    try {
      const database = await this.#database;
      return database === undefined ? DOWN : { isUp: true, lastBackup: await readLastBackup(database) };
    } catch {
      return DOWN;
    }
  }

  async #open(): Promise<Database | undefined> {
    // With the query layer, which takes 13 ms to load; see `LazyVault`.
    const { openDatabase } = await import('./open-database.ts');
    const startedAt = this.#now();
    try {
      const database = await openDatabase(this.#location);
      if (this.#hasFailed) this.#logger.info('the database can be used now');
      return database;
    } catch (error) {
      if (!this.#hasFailed) {
        const message = 'without a database no lists of tools are cached and no keys are found there';
        this.#logger.warn(message, { reason: messageOf(error) });
      }
      this.#hasFailed = true;
      const failedAt = this.#now();
      this.#retryAt = failedAt + Math.max(MIN_RETRY_PAUSE_MS, failedAt - startedAt);
      this.#database = undefined;
      return undefined;
    }
  }
}
