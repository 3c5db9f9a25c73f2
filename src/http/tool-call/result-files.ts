import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Settings } from '../../config/settings.ts';
import { NotFoundError } from '../../errors.ts';
import type { ResultFile } from '../../mcp/result-media.ts';
import { toPagePaths } from '../paths.ts';

const DEFAULT_LIMITS: FileLimits = { maxBytes: 256 * 1024 * 1024, maxFiles: 1_000, keepMs: 3_600_000 };
const FILE_PATH = /^files\/([A-Za-z0-9_-]{22})$/;

interface FileLimits {
  /** Of all files together. */
  readonly maxBytes: number;
  readonly maxFiles: number;
  readonly keepMs: number;
}

interface StoredFile extends ResultFile {
  readonly timer: NodeJS.Timeout;
  /** On the clock of `performance.now()`. */
  readonly expiresAt: number;
}

/**
 * Images and audio of results, kept for a while in memory and within bounds: the oldest are evicted. Anyone who knows a
 * file's id can read it, so an id is 128 random bits.
 */
export class ResultFiles {
  readonly #limits: FileLimits;
  /** Oldest first. */
  readonly #files = new Map<string, StoredFile>();
  #totalBytes = 0;

  constructor(limits: Partial<FileLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** Keeps a file and returns its id (22 URL-safe characters), or `undefined` for one that is larger than all may be. */
  add(file: ResultFile): string | undefined {
    const { maxBytes, maxFiles, keepMs } = this.#limits;
    if (file.bytes.length > maxBytes) return undefined;
    for (const oldest of this.#files.keys()) {
      if (this.#files.size < maxFiles && this.#totalBytes + file.bytes.length <= maxBytes) break;
      this.#drop(oldest);
    }
    const id = randomBytes(16).toString('base64url');
    const timer = setTimeout(() => this.#drop(id), keepMs).unref();
    this.#files.set(id, { ...file, timer, expiresAt: performance.now() + keepMs });
    this.#totalBytes += file.bytes.length;
    return id;
  }

  /** The file with the milliseconds until it is gone; `undefined` when there is none of this id any more. */
  get(id: string): (ResultFile & { readonly leftMs: number }) | undefined {
    const file = this.#files.get(id);
    return file && { ...file, leftMs: file.expiresAt - performance.now() };
  }

  /**
   * `GET /files/<id>`. Asks for no key, because a browser shows the file inside a chat and the id cannot be guessed. What
   * a browser could take for a document is only offered for download. Throws `NotFoundError`.
   */
  answer(response: ServerResponse, id: string): void {
    const file = this.get(id);
    if (file === undefined) {
      throw new NotFoundError('There is no such file. Files of results are kept for at most an hour.');
    }
    const { bytes, displayType, leftMs } = file;
    if (displayType === undefined) response.setHeader('Content-Disposition', 'attachment');
    response.writeHead(200, {
      'Content-Type': displayType ?? 'application/octet-stream',
      'Content-Length': bytes.length,
      'Content-Security-Policy': "sandbox; default-src 'none'",
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': `private, max-age=${Math.max(0, Math.floor(leftMs / 1_000))}`,
    });
    response.end(bytes);
  }

  #drop(id: string): void {
    const file = this.#files.get(id);
    if (file === undefined) return;
    clearTimeout(file.timer);
    this.#totalBytes -= file.bytes.length;
    this.#files.delete(id);
  }
}

/**
 * The id that a path names: `/files/<id>`, also under the path prefix. Nothing else is let through without a key, so
 * the path is matched exactly and not decoded.
 */
export function fileIdOf(pathname: string, settings: Pick<Settings, 'pathPrefix'>): string | undefined {
  for (const path of toPagePaths(pathname, settings)) {
    const [, id] = FILE_PATH.exec(path) ?? [];
    if (id !== undefined) return id;
  }
  return undefined;
}
