import { createHash } from 'node:crypto';
import { type BigIntStats, readFileSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

export interface LookIntervals {
  readonly lookMs: number;
  /** Editors write in several steps: a file is read when it has not changed for this long. */
  readonly restMs: number;
}

const INTERVALS: LookIntervals = { lookMs: 500, restMs: 200 };
/** A file that is missing for so many looks in a row, two seconds, is not being replaced. */
const MISSING_LOOKS = 4;

interface SeenFile {
  /** Changes with every write, and when another file takes the place; `undefined` while there is none. */
  readonly state: string | undefined;
  /** Of the content; `undefined` where it could not be read. */
  readonly digest: string | undefined;
}

/**
 * Calls back when the content of a file is not what it was when it was read. Polls instead of watching, so that it makes
 * no difference how a file is changed: written, replaced by renaming, or behind symbolic links of which any now leads
 * elsewhere, as Kubernetes does it with a mounted ConfigMap; network and container mounts send no notices at all. A file
 * that is missing for a while has not changed.
 */
export class WatchedFiles {
  readonly #intervals: LookIntervals;
  #onChange: (files: readonly string[]) => void = () => undefined;
  #onMissing: (file: string) => void = () => undefined;
  /** How often in a row a file was missing. */
  readonly #missing = new Map<string, number>();
  readonly #files = new Map<string, SeenFile>();
  /** Set while there are files to look at. */
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;
  /** What the last look saw of files that have changed and may not be complete yet. */
  #unrested: string | undefined;

  constructor(intervals: LookIntervals = INTERVALS) {
    this.#intervals = intervals;
  }

  /** Comes before the `note`s of one reading: files that are neither noted again nor in `kept` are no longer watched. */
  beginReading(kept: Iterable<string> = []): void {
    const staying = new Set(kept);
    for (const file of this.#files.keys()) if (!staying.has(file)) this.#files.delete(file);
    this.#unrested = undefined;
  }

  /** Watches a file that is about to be read. */
  note(file: string): void {
    this.#files.set(file, { state: stateNow(file), digest: digestOf(file) });
    if (this.#timer === undefined) this.#lookIn(this.#intervals.lookMs);
  }

  /**
   * From here on calls `onChange` with all files that have changed at once, and `onMissing` with a file that has been
   * missing for four looks.
   */
  start(onChange: (files: readonly string[]) => void, onMissing: (file: string) => void = () => undefined): void {
    this.#onChange = onChange;
    this.#onMissing = onMissing;
    this.#isRunning = true;
    this.#lookIn(this.#intervals.lookMs);
  }

  stop(): void {
    this.#isRunning = false;
    clearTimeout(this.#timer);
  }

  #lookIn(ms: number): void {
    const isNeeded = this.#isRunning && this.#files.size > 0;
    this.#timer = isNeeded ? setTimeout(() => void this.#look(), ms).unref() : undefined;
  }

  async #look(): Promise<void> {
    const changed = new Map<string, string>();
    for (const [file, seen] of [...this.#files]) {
      const state = await stat(file, { bigint: true }).then(toState, toMissing);
      const missing = state === undefined ? (this.#missing.get(file) ?? 0) + 1 : 0;
      this.#missing.set(file, missing);
      if (missing === MISSING_LOOKS) this.#onMissing(file);
      if (state !== undefined && state !== seen.state) changed.set(file, state);
    }
    const unrested = changed.size === 0 ? undefined : JSON.stringify([...changed]);
    const isRested = unrested === this.#unrested;
    this.#unrested = unrested;
    const files = isRested ? this.#withOtherContent(changed) : [];
    if (files.length > 0) this.#onChange(files);
    this.#lookIn(isRested ? this.#intervals.lookMs : this.#intervals.restMs);
  }

  #withOtherContent(changed: ReadonlyMap<string, string>): readonly string[] {
    return [...changed].flatMap(([file, state]) => {
      const seen = this.#files.get(file);
      if (seen === undefined) return [];
      const digest = digestOf(file);
      this.#files.set(file, { state, digest });
      return digest === seen.digest ? [] : [file];
    });
  }
}

function stateNow(file: string): string | undefined {
  try {
    return toState(statSync(file, { bigint: true }));
  } catch (error) {
    return toMissing(error);
  }
}

function toState({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

/** Between the steps of a replacement there is no file; reading reports any other reason. */
function toMissing(error: unknown): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESTALE' ? undefined : `error ${code}`;
}

function digestOf(file: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('base64url');
  } catch {
    return undefined;
  }
}
