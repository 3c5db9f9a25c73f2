import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { CHAIN_START, type ChainLine, type ChainState, openLine, sealLine } from './audit-chain.ts';
import { readHead, writeHead } from './audit-head.ts';
import type { AuditKeys } from './audit-keys.ts';

/** What was not as it should be when the file was opened. */
export interface AuditFinding {
  readonly action: 'line_incomplete' | 'line_not_ours' | 'lines_missing' | 'head_missing' | 'head_forged';
  readonly details: Readonly<Record<string, number>>;
}

/** Longer than any line that the log writes. */
const ENDS_BYTES = 64 * 1024;
const LINE_START = '{"timestamp":"';

/**
 * The file of the log and the chain in it. Runs one operation at a time, which its caller ensures. There is one way to
 * rotate: the file is renamed, by us or by another program, and `reopen` continues the chain in a new one.
 */
export class AuditFile {
  readonly #path: string;
  readonly #keys: AuditKeys;
  #handle: FileHandle;
  #chain: ChainState;
  /** The number of the first line in this file. */
  #first: number;
  /** The day of the first line in this file, as `2025-12-31`; `undefined` while there is none. */
  #day: string | undefined;
  /** Where the last whole line ends, if half of one could not be removed. */
  #repairAt: number | undefined;

  private constructor(path: string, keys: AuditKeys, { handle, ends }: Opened, chain: ChainState, first: number) {
    this.#path = path;
    this.#keys = keys;
    this.#handle = handle;
    this.#day = ends.day;
    this.#chain = chain;
    this.#first = first;
  }

  /**
   * Opens the log, created with mode 0600 if it does not exist, and continues the chain where it ended. Half a line at
   * the end, which a crash leaves behind, is removed. Rejects with the system's error.
   */
  static async open(path: string, keys: AuditKeys): Promise<{ file: AuditFile; findings: readonly AuditFinding[] }> {
    const found = await readHead(path, keys);
    const opened = await openFile(path, keys);
    const findings: AuditFinding[] = [];
    const { ends, handle } = opened;
    if (ends.incomplete.length > 0) {
      await endLine(handle, ends);
      findings.push({ action: 'line_incomplete', details: { bytes: ends.incomplete.length } });
    }
    const head = found.kind === 'found' ? found.state : undefined;
    if (found.kind === 'forged') findings.push({ action: 'head_forged', details: {} });

    if (ends.last === undefined) {
      const chain = head ?? CHAIN_START;
      const file = new AuditFile(path, keys, opened, chain, chain.seq + 1);
      // Else a crash within the first second would look as if the head had been deleted.
      if (found.kind !== 'forged') await file.#noteHead();
      return { file, findings };
    }
    if (found.kind === 'missing') findings.push({ action: 'head_missing', details: {} });
    const last = openLine(ends.last, keys.chain);
    if (last?.isAuthentic !== true) findings.push({ action: 'line_not_ours', details: {} });
    let chain: ChainState = last ?? head ?? CHAIN_START;
    if (head !== undefined && head.seq > chain.seq) {
      findings.push({ action: 'lines_missing', details: { last_seq: chain.seq, expected_seq: head.seq } });
      chain = head;
    }
    const firstHere = ends.first?.seq ?? 1;
    // A head that is older than the file: the process ended between creating the file and writing the head.
    const first = head === undefined || head.seq < firstHere - 1 ? firstHere : head.first;
    return { file: new AuditFile(path, keys, opened, chain, first), findings };
  }

  /** Where the chain stands. */
  get chain(): ChainState {
    return this.#chain;
  }

  get day(): string | undefined {
    return this.#day;
  }

  /** Appends one line for each body, all of them or none. Rejects with the system's error; the chain is as before then. */
  async append(bodies: readonly string[]): Promise<void> {
    await this.#followMoves();
    let chain = this.#chain;
    let text = '';
    for (const body of bodies) {
      const sealed = sealLine(body, chain, this.#keys.chain);
      text += sealed.line;
      chain = sealed;
    }
    const { size } = await this.#handle.stat();
    // Emptied by another program after it had copied the lines.
    if (size === 0) this.#first = this.#chain.seq + 1;
    try {
      await writeAll(this.#handle, Buffer.from(text));
    } catch (error) {
      this.#repairAt = size;
      await this.#repair().catch(() => undefined);
      throw error;
    }
    this.#chain = { seq: chain.seq, hmac: chain.hmac };
    if (size === 0 || this.#day === undefined) this.#day = dayOf(bodies[0] ?? '');
  }

  /** Forces what was written to the disk, then notes in the head how far that is. */
  async sync(): Promise<void> {
    await this.#handle.datasync();
    await this.#noteHead();
  }

  /** Opens the path again and continues the chain in whatever file is there now. */
  async reopen(): Promise<void> {
    const { ends, handle } = await openFile(this.#path, this.#keys);
    const [before, after] = await Promise.all([this.#handle.stat(), handle.stat()]);
    if (!isSameFile(before, after)) {
      await this.#handle.datasync().catch(() => undefined);
      await endLine(handle, ends);
      this.#first = ends.first?.seq ?? this.#chain.seq + 1;
      this.#day = ends.day;
      this.#repairAt = undefined;
    }
    await this.#handle.close();
    this.#handle = handle;
    await this.sync();
  }

  /** Renames the file and begins a new one. */
  async moveTo(path: string): Promise<void> {
    await this.sync();
    await rename(this.#path, path);
    await this.reopen();
  }

  async close(): Promise<void> {
    try {
      await this.sync();
    } finally {
      await this.#handle.close();
    }
  }

  #noteHead(): Promise<void> {
    return writeHead(this.#path, { first: this.#first, seq: this.#chain.seq, hmac: this.#chain.hmac }, this.#keys);
  }

  /** Lines of a file that was moved or deleted without a signal would be lost with it. */
  async #followMoves(): Promise<void> {
    const there = await stat(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (there === undefined || !isSameFile(there, await this.#handle.stat())) await this.reopen();
    else await this.#repair();
  }

  async #repair(): Promise<void> {
    if (this.#repairAt === undefined) return;
    if ((await this.#handle.stat()).isFile()) await this.#handle.truncate(this.#repairAt);
    this.#repairAt = undefined;
  }
}

interface Ends {
  /** `undefined` if there is none, or it is not of the chain's shape. */
  readonly first: ChainLine | undefined;
  readonly last: Buffer | undefined;
  readonly day: string | undefined;
  readonly wholeBytes: number;
  /** The bytes after the last line end. */
  readonly incomplete: Buffer;
}

interface Opened {
  readonly handle: FileHandle;
  readonly ends: Ends;
}

async function openFile(path: string, keys: AuditKeys): Promise<Opened> {
  const handle = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, 0o600);
  try {
    return { handle, ends: await readEnds(handle, keys) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readEnds(handle: FileHandle, keys: AuditKeys): Promise<Ends> {
  const stats = await handle.stat();
  const size = stats.isFile() ? stats.size : 0;
  const start = await readAt(handle, 0, Math.min(size, ENDS_BYTES));
  const tailAt = Math.max(0, size - ENDS_BYTES);
  const tail = await readAt(handle, tailAt, size - tailAt);
  const lastEnd = tail.lastIndexOf('\n');
  const lines = tail.subarray(0, Math.max(0, lastEnd));
  const first = start.subarray(0, Math.max(0, start.indexOf('\n')));
  return {
    first: openLine(first, keys.chain),
    last: lines.length > 0 ? lines.subarray(lines.lastIndexOf('\n') + 1) : undefined,
    day: dayOf(first.toString('utf8')),
    wholeBytes: tailAt + lastEnd + 1,
    incomplete: tail.subarray(lastEnd + 1),
  };
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** A full disk accepts part of a write without an error, and rejects the next. */
async function writeAll(handle: FileHandle, data: Buffer): Promise<void> {
  for (let written = 0; written < data.length; ) {
    written += (await handle.write(data, written)).bytesWritten;
  }
}

/** Removes half a line of ours from the end; anything else is not ours to remove, and only gets a line end. */
async function endLine(handle: FileHandle, { incomplete, wholeBytes }: Ends): Promise<void> {
  if (incomplete.length === 0) return;
  const begun = incomplete.toString('latin1', 0, LINE_START.length);
  if (LINE_START.startsWith(begun)) await handle.truncate(wholeBytes);
  else await writeAll(handle, Buffer.from('\n'));
}

/** Every line begins with its time. */
function dayOf(line: string): string | undefined {
  return /^\{"timestamp":"(\d{4}-\d{2}-\d{2})T/.exec(line)?.[1];
}

function isSameFile(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}
