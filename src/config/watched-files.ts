import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

const LOOK_MS = 500;
/** Editors write in several steps: a file is read when it has rested this long. */
const REST_MS = 200;
/** A file that is missing at so many looks in a row is not being replaced. */
const MISSING_LOOKS = 4;

interface SeenFile {
  /** Changes with every write, and when another file takes the place; `undefined` while there is none. */
  readonly state: string | undefined;
  /** Of the content; `undefined` where it could not be read. */
  readonly digest: string | undefined;
}

/**
 * Calls back when the content of any of the files is not what it was when it was read. Looks again and again instead of
 * watching, so that it makes no difference how a file is changed: written, replaced by renaming, or behind symbolic
 * links of which any now leads elsewhere, as Kubernetes does it with a mounted ConfigMap; network and container mounts
 * send no notices at all. A file that is missing for a while is no change.
 */
export class WatchedFiles {
  readonly #onChange: () => void;
  readonly #onMissing: (() => void) | undefined;
  /** How often in a row a file was not there. */
  readonly #missing = new Map<string, number>();
  readonly #files = new Map<string, SeenFile>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  /** What the last look saw of files that have changed and may not be complete yet. */
  #unrested: string | undefined;

  /** `onMissing` is called when a file has been missing for about two seconds. */
  constructor(onChange: () => void, onMissing?: () => void) {
    this.#onChange = onChange;
    this.#onMissing = onMissing;
  }

  /** Follows every `note` of one reading: files that are not noted by the next one are no longer watched. */
  beginReading(): void {
    this.#files.clear();
    this.#unrested = undefined;
  }

  /** Tells that the file is being read now. */
  note(file: string): void {
    this.#files.set(file, { state: stateNow(file), digest: digestOf(file) });
  }

  start(): void {
    this.#lookIn(LOOK_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #lookIn(ms: number): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#look(), ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const changed = new Map<string, string>();
    for (const [file, seen] of [...this.#files]) {
      const state = await stateOf(file);
      const missing = state === undefined ? (this.#missing.get(file) ?? 0) + 1 : 0;
      this.#missing.set(file, missing);
      if (missing === MISSING_LOOKS) this.#onMissing?.();
      if (state !== undefined && state !== seen.state) changed.set(file, state);
    }
    const unrested = changed.size === 0 ? undefined : JSON.stringify([...changed]);
    const isRested = unrested === this.#unrested;
    this.#unrested = unrested;
    if (changed.size > 0 && isRested && this.#hasOtherContent(changed)) this.#onChange();
    this.#lookIn(isRested ? LOOK_MS : REST_MS);
  }

  #hasOtherContent(changed: ReadonlyMap<string, string>): boolean {
    let isOther = false;
    for (const [file, state] of changed) {
      const seen = this.#files.get(file);
      const digest = digestOf(file);
      if (seen === undefined) continue;
      this.#files.set(file, { state, digest });
      isOther ||= digest !== seen.digest;
    }
    return isOther;
  }
}

async function stateOf(file: string): Promise<string | undefined> {
  try {
    return toState(await stat(file, { bigint: true }));
  } catch (error) {
    return toMissing(error);
  }
}

function stateNow(file: string): string | undefined {
  try {
    return toState(statSync(file, { bigint: true }));
  } catch (error) {
    return toMissing(error);
  }
}

interface FileFacts {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

function toState({ dev, ino, size, mtimeNs, ctimeNs }: FileFacts): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

/** Between the steps of a replacement there is no file; what cannot be looked at for another reason is told by reading. */
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
