import type { Session } from '../mcp/session.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redact } from '../telemetry/redactor.ts';
import type { CatalogueSource } from './catalogue.ts';
import { redactError } from './failure-reason.ts';

/** Between two reads that a server's announcements ask for: one that announces all the time is not read all the time. */
const MIN_INTERVAL_MS = 1_000;

export interface ToolListReading {
  /** The server's name, for the log. */
  readonly server: string;
  readonly logger: Pick<Logger, 'warn'>;
  readonly redact: Redact;
  /** Reads the list and takes it over. */
  readonly read: () => Promise<void>;
}

/** Reads what a session says of its server. Throws `ServiceError`s. */
export async function readSource(session: Session, signal: AbortSignal): Promise<CatalogueSource> {
  const { serverInfo, instructions } = session;
  return { serverInfo, instructions, list: await session.listTools(signal) };
}

/**
 * Reads a session's list of tools now, up to `maxReads` times while it changes, and whenever the server announces a
 * change until the session ends. Throws what the first reading throws; later failures are logged.
 */
export async function followToolList(session: Session, reading: ToolListReading, maxReads = 1): Promise<void> {
  const reader = new ToolListReader(reading);
  session.onToolsChanged(() => reader.announce());
  void session.closed.then(() => reader.stop());
  await reader.readFirst(maxReads);
}

/** One read at a time, so that no older answer comes after a newer one; announcements meanwhile lead to one more read. */
class ToolListReader {
  readonly #reading: ToolListReading;
  #isReading = false;
  #isChanged = false;
  #isStopped = false;
  /** On the clock of `performance.now()`; of announced reads only, so that the first change is read at once. */
  #lastReadAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(reading: ToolListReading) {
    this.#reading = reading;
  }

  async readFirst(maxReads: number): Promise<void> {
    this.#isReading = true;
    try {
      for (let reads = 0; reads === 0 || (this.#isChanged && reads < maxReads); reads++) {
        this.#isChanged = false;
        await this.#reading.read();
      }
    } finally {
      this.#isReading = false;
    }
    if (this.#isChanged) this.announce();
  }

  announce(): void {
    this.#isChanged = true;
    if (this.#isReading || this.#isStopped || this.#timer !== undefined) return;
    const waitMs = this.#lastReadAt + MIN_INTERVAL_MS - performance.now();
    this.#timer = setTimeout(() => void this.#readAgain(), Math.max(0, waitMs));
    this.#timer.unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #readAgain(): Promise<void> {
    this.#timer = undefined;
    this.#isReading = true;
    this.#isChanged = false;
    this.#lastReadAt = performance.now();
    try {
      await this.#reading.read();
    } catch (error) {
      if (!this.#isStopped) this.#warn(error);
    }
    this.#isReading = false;
    if (this.#isChanged) this.announce();
  }

  #warn(error: unknown): void {
    const { server, logger, redact } = this.#reading;
    const clean = redactError(error, redact);
    const reason = clean instanceof Error ? clean.message : 'unknown';
    logger.warn('the changed list of tools could not be read', { server, reason });
  }
}
