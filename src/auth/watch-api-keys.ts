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

export interface ApiKeyWatch {
  /** Looks now, so that a change just made takes effect. Never rejects. */
  look(): Promise<void>;
  /** Ends it, recording the last uses first. Never rejects. */
  stop(): Promise<void>;
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
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let hasFailed = false;
  let revision: number | undefined;
  let readAt = 0;
  let usesAt = Date.now();

  async function read(): Promise<void> {
    // Before the keys: one that is made in between is then only read twice.
    const current = await keys.revision();
    if (current === revision && Date.now() - readAt < FULL_READ_MS) return;
    ring.replace('database', await keys.list());
    revision = current;
    readAt = Date.now();
  }

  /** Informative only: what cannot be written is lost. */
  async function writeUses(): Promise<void> {
    usesAt = Date.now();
    const uses = ring.takeUses();
    if (uses.size === 0) return;
    await keys.markUsed(uses).catch((error: unknown) => {
      logger.debug('when API keys were used could not be written down', { reason: reasonOf(error) });
    });
  }

  /** One look; asks for the next one when it is done, so that a slow database is never asked twice at once. */
  async function look(): Promise<void> {
    try {
      await read();
      if (hasFailed) logger.info('the API keys in the database can be read again');
      hasFailed = false;
    } catch (error) {
      if (!hasFailed) {
        const reason = reasonOf(error);
        logger.error('the API keys in the database cannot be read; the last known ones count', { reason });
      }
      hasFailed = true;
      ring.databaseFailed();
    }
    if (Date.now() - usesAt >= USES_MS) await writeUses();
    if (isStopped) return;
    timer = setTimeout(() => {
      running = look();
    }, intervalMs).unref();
  }

  ring.expectDatabase();
  let running = look();
  await running;
  return {
    async look() {
      await running;
      if (isStopped) return;
      clearTimeout(timer);
      running = look();
      await running;
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
      await writeUses();
    },
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
