import { randomBytes } from 'node:crypto';
import type { ResultFile } from '../../mcp/result-media.ts';

const DEFAULT_LIMITS: FileStoreLimits = { maxBytes: 256 * 1024 * 1024, maxFiles: 1_000, keepMs: 3_600_000 };

export interface FileStoreLimits {
  /** Of all files together. */
  readonly maxBytes: number;
  readonly maxFiles: number;
  readonly keepMs: number;
}

export interface StoredFile extends ResultFile {
  /** Milliseconds until the file is gone, more than 0. */
  readonly leftMs: number;
}

interface Entry {
  readonly file: ResultFile;
  /** On the clock of `performance.now()`. */
  readonly expiresAt: number;
}

/**
 * Keeps images and audio of results for a while, in memory and within bounds: the oldest make room for new ones.
 * Anyone who knows a file's id can read it, so an id is 128 random bits.
 */
export class FileStore {
  readonly #limits: FileStoreLimits;
  /** Oldest first, which is also the order in which they expire. */
  readonly #entries = new Map<string, Entry>();
  #totalBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(limits: Partial<FileStoreLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** Keeps a file and returns its id (22 URL-safe characters), or `undefined` for one that is larger than the store. */
  add(file: ResultFile): string | undefined {
    const { maxBytes, maxFiles, keepMs } = this.#limits;
    if (this.#isClosed || file.bytes.length > maxBytes) return undefined;
    while (this.#entries.size >= maxFiles || this.#totalBytes + file.bytes.length > maxBytes) this.#dropOldest();
    const id = randomBytes(16).toString('base64url');
    this.#entries.set(id, { file, expiresAt: performance.now() + keepMs });
    this.#totalBytes += file.bytes.length;
    this.#timer ??= this.#dropLater(keepMs);
    return id;
  }

  /** The file, or `undefined` when there is none of this id any more. */
  get(id: string): StoredFile | undefined {
    const entry = this.#entries.get(id);
    const leftMs = entry === undefined ? 0 : entry.expiresAt - performance.now();
    return entry === undefined || leftMs <= 0 ? undefined : { ...entry.file, leftMs };
  }

  /** Forgets every file and takes no more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#entries.clear();
    this.#totalBytes = 0;
  }

  #dropLater(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#dropExpired(), ms).unref();
  }

  #dropExpired(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const { expiresAt } of this.#entries.values()) {
      if (expiresAt > now) {
        this.#timer = this.#dropLater(Math.ceil(expiresAt - now));
        return;
      }
      this.#dropOldest();
    }
  }

  #dropOldest(): void {
    for (const [id, { file }] of this.#entries) {
      this.#entries.delete(id);
      this.#totalBytes -= file.bytes.length;
      return;
    }
  }
}
