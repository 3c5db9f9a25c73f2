import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BackupError, UsageError } from '../errors.ts';
import { codeOf, syncFolder } from '../key-file.ts';

/** Backups that stay, besides the one just made. */
export type Retention = { readonly count: number } | { readonly days: number };

/** Where a backup goes. */
export type BackupTarget =
  | { readonly kind: 'output' }
  | { readonly kind: 'file'; readonly file: string; readonly replaces: boolean; readonly folder: string | undefined };

const DAY_MS = 86_400_000;
/** Names that backups in a folder get; other files are never removed. */
const OWN_NAME = /^mcpo-ts-(\d{4}-\d{2}-\d{2})T(\d{2})-(\d{2})-(\d{2})Z\.age$/;
const LEFTOVER = /^mcpo-ts-[\dTZ-]+\.age\.[0-9a-f]{16}\.tmp$/;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * `-` is standard output; a folder that exists gets a file with the time in its name. Throws `UsageError` for a file that
 * exists, unless `replaces`.
 */
export function findTarget(path: string, replaces: boolean, now: number): BackupTarget {
  if (path === '-') return { kind: 'output' };
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  if (!isFolder && /[\\/]$/.test(path)) throw new UsageError(`The folder "${path}" does not exist; make it first.`);
  const time = new Date(now).toISOString().slice(0, 19).replaceAll(':', '-');
  const file = isFolder ? join(path, `mcpo-ts-${time}Z.age`) : path;
  if (existsSync(file) && !replaces) throw fileExists(file);
  return { kind: 'file', file, replaces, folder: isFolder ? path : undefined };
}

/**
 * Writes a backup: a file of mode 0600, whole or not at all; the file that is replaced stays until then. Resolves to the
 * number of bytes. Rejects with `BackupError`, or what `bytes` rejects with.
 */
export async function writeTarget(target: BackupTarget, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  if (target.kind === 'output') return writeOutput(bytes);
  const { file, replaces } = target;
  const beside = `${file}.${randomBytes(8).toString('hex')}.tmp`;
  const stopCleaning = cleanOnSignal(beside);
  try {
    const handle = await open(beside, 'wx', 0o600).catch((error: unknown) => {
      throw notWritten(file, error);
    });
    const size = await fill(handle, file, bytes);
    putInPlace(beside, file, replaces);
    return size;
  } finally {
    await rm(beside, { force: true });
    stopCleaning();
  }
}

/** Removes older backups of a folder, and what killed ones left; returns how many backups there were too many. */
export async function removeOldBackups(folder: string, retention: Retention, now: number): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  for (const name of names.filter((one) => LEFTOVER.test(one))) {
    const path = join(folder, name);
    if (now - statSync(path).mtimeMs > DAY_MS) await rm(path, { force: true });
  }
  const backups = names.filter((name) => OWN_NAME.test(name)).sort();
  const isOld = (name: string, index: number) =>
    'count' in retention
      ? index < backups.length - retention.count
      : index < backups.length - 1 && now - timeOf(name) > retention.days * DAY_MS;
  const old = backups.filter(isOld);
  for (const name of old) await rm(join(folder, name), { force: true });
  return old.length;
}

/** When a backup of this name was made; by its name, since copying a file changes its time. */
function timeOf(name: string): number {
  const [, date, hours, minutes, seconds] = OWN_NAME.exec(name) ?? [];
  return Date.parse(`${date}T${hours}:${minutes}:${seconds}Z`);
}

async function fill(handle: FileHandle, file: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  try {
    for await (const piece of bytes) {
      await writeAll(handle, piece, file);
      size += piece.length;
    }
    await handle.sync();
    return size;
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, piece: Uint8Array, file: string): Promise<void> {
  try {
    for (let start = 0; start < piece.length; ) start += (await handle.write(piece, start)).bytesWritten;
  } catch (error) {
    throw notWritten(file, error);
  }
}

/** In one step. Without `replaces`, a file that was made meanwhile is not replaced either. */
function putInPlace(beside: string, file: string, replaces: boolean): void {
  try {
    if (replaces || !hasLinks(beside, file)) renameSync(beside, file);
    syncFolder(file);
  } catch (error) {
    throw codeOf(error) === 'EEXIST' ? fileExists(file) : notWritten(file, error);
  }
}

/** `false` on file systems without hard links, where the file is known not to exist a moment before. */
function hasLinks(beside: string, file: string): boolean {
  try {
    linkSync(beside, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || existsSync(file)) throw error;
    return false;
  }
}

async function writeOutput(bytes: AsyncIterable<Uint8Array>): Promise<number> {
  if (process.stdout.isTTY) throw new UsageError('A backup is not written to a terminal; redirect it to a file.');
  let size = 0;
  for await (const piece of bytes) {
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(piece, (error) => (error ? reject(notWritten('-', error)) : resolve()));
    });
    size += piece.length;
  }
  return size;
}

/** A process that is ended leaves no half of a backup behind. */
function cleanOnSignal(file: string): () => void {
  const clean = (signal: NodeJS.Signals) => {
    rmSync(file, { force: true });
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.once(signal, clean);
  return () => {
    for (const signal of SIGNALS) process.removeListener(signal, clean);
  };
}

function fileExists(file: string): UsageError {
  return new UsageError(`The file "${file}" exists already; choose another name, or add --force to replace it.`);
}

function notWritten(file: string, error: unknown): BackupError {
  const name = file === '-' ? 'to standard output' : `as "${basename(file)}"`;
  const code = codeOf(error);
  const advice = code === 'ENOSPC' ? ': there is no space left' : '';
  return new BackupError(`The backup cannot be written ${name} (${code})${advice}. No earlier backup was changed.`, {
    cause: error,
  });
}
