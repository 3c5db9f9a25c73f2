import type { Logger } from '../telemetry/logger.ts';
import type { ApiKeyRing } from './api-key-ring.ts';
import type { ApiKeyRecord } from './auth-settings.ts';

/** Half of the two seconds within which a new or a revoked key must take effect. */
const POLL_MS = 1_000;
/** However quiet the revision is, all keys are read again after this long: a restored back-up may bear the same one. */
const FULL_READ_MS = 60_000;
/** The time of the last use is known to about a minute. */
const USES_MS = 60_000;

/** The API keys in the database. */
export interface StoredApiKeys {
  /** Changes with every key that is made or revoked; cheap to ask for. */
  revision(): Promise<number>;
  list(): Promise<readonly ApiKeyRecord[]>;
  /** Milliseconds since the epoch, by key. */
  markUsed(uses: ReadonlyMap<string, number>): Promise<void>;
}

/**
 * Keeps the ring at what the database holds, looking every `intervalMs`, and records when keys were used. While the
 * database fails, the last known keys stay valid. Resolves after the first look, whether that failed or not.
 */
export async function watchApiKeys(
  keys: StoredApiKeys,
  ring: ApiKeyRing,
  logger: Logger,
  intervalMs = POLL_MS,
): Promise<ApiKeyWatch> {
  const watch = new ApiKeyWatch(keys, ring, logger, intervalMs);
  await watch.start();
  return watch;
}

export class ApiKeyWatch {
  readonly #keys: StoredApiKeys;
  readonly #ring: ApiKeyRing;
  readonly #logger: Logger;
  readonly #intervalMs: number;
  #running: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #hasFailed = false;
  #revision: number | undefined;
  #readAt = 0;
  #usesAt = Date.now();

  constructor(keys: StoredApiKeys, ring: ApiKeyRing, logger: Logger, intervalMs: number) {
    this.#keys = keys;
    this.#ring = ring;
    this.#logger = logger;
    this.#intervalMs = intervalMs;
  }

  start(): Promise<void> {
    this.#ring.expectDatabase();
    this.#running = this.#look();
    return this.#running;
  }

  /** Ends it, recording the last uses first. Never rejects. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.#writeUses();
  }

  /** One look; asks for the next one when it is done, so that a slow database is never asked twice at once. */
  async #look(): Promise<void> {
    try {
      await this.#read();
      if (this.#hasFailed) this.#logger.info('the API keys in the database can be read again');
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#logger.error('the API keys in the database cannot be read; the last known ones count', { reason });
      }
      this.#hasFailed = true;
      this.#ring.databaseFailed();
    }
    if (Date.now() - this.#usesAt >= USES_MS) await this.#writeUses();
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#look();
    }, this.#intervalMs).unref();
  }

  async #read(): Promise<void> {
    // Before the keys: one that is made in between is then only read twice.
    const revision = await this.#keys.revision();
    if (revision === this.#revision && Date.now() - this.#readAt < FULL_READ_MS) return;
    this.#ring.replace('database', await this.#keys.list());
    this.#revision = revision;
    this.#readAt = Date.now();
  }

  /** Informative only: what cannot be written is lost. */
  async #writeUses(): Promise<void> {
    this.#usesAt = Date.now();
    const uses = this.#ring.takeUses();
    if (uses.size === 0) return;
    try {
      await this.#keys.markUsed(uses);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger.debug('when API keys were used could not be written down', { reason });
    }
  }
}
