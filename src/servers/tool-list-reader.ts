/** Between two reads that a server's announcements ask for: one that announces all the time is not read all the time. */
const MIN_INTERVAL_MS = 1_000;

export interface ToolListReaderOptions {
  /** Reads the list and takes it over. */
  readonly read: () => Promise<void>;
  /** Called when a read that was announced fails; what was read before stays. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Reads one session's list of tools, one read at a time, so that no older answer comes after a newer one. However often
 * the server announces a change meanwhile, one more read follows.
 */
export class ToolListReader {
  readonly #options: ToolListReaderOptions;
  #isReading = false;
  #isChanged = false;
  #isStopped = false;
  /** On the clock of `performance.now()`; of announced reads only, so that the first change is read at once. */
  #lastReadAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ToolListReaderOptions) {
    this.#options = options;
  }

  /** Reads the list for the first time, and up to `maxReads` times while it changes. Throws what reading throws. */
  async readFirst(maxReads = 1): Promise<void> {
    this.#isReading = true;
    try {
      for (let reads = 0; reads === 0 || (this.#isChanged && reads < maxReads); reads++) {
        this.#isChanged = false;
        await this.#options.read();
      }
    } finally {
      this.#isReading = false;
    }
    if (this.#isChanged) this.announce();
  }

  /** The server says that its list has changed. */
  announce(): void {
    this.#isChanged = true;
    if (this.#isReading || this.#isStopped || this.#timer !== undefined) return;
    const waitMs = this.#lastReadAt + MIN_INTERVAL_MS - performance.now();
    this.#timer = setTimeout(() => void this.#readAgain(), Math.max(0, waitMs));
    this.#timer.unref();
  }

  /** Begins no read any more. */
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
      await this.#options.read();
    } catch (error) {
      if (!this.#isStopped) this.#options.onFailure(error);
    }
    this.#isReading = false;
    if (this.#isChanged) this.announce();
  }
}
