import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError } from '../errors.ts';
import { type Keyring, keyProblem, parseKeyring } from './keyring.ts';

/** Changing the file takes milliseconds. */
const LEFTOVER_AFTER_MS = 10_000;

const isWindows = process.platform === 'win32';

/** Reads a file of keys. Throws `ConfigError` for one that others may read, too, or that holds no keys. */
export function readKeyFile(file: string, setting: string): Keyring {
  return parseKeyring(readKeyText(file, setting), setting);
}

/** The text of a file of keys, which only its owner may read. Throws `ConfigError`. */
export function readKeyText(file: string, setting: string): string {
  try {
    const { mode } = statSync(file);
    if (!isWindows && (mode & 0o177) !== 0) {
      throw keyProblem(setting, `the file "${file}" must be readable by its owner only; run chmod 600 on it.`);
    }
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw keyProblem(setting, `the vault's key cannot be read from "${file}" (${codeOf(error)}).`);
  }
}

/**
 * Makes a file of mode 0600 with its whole content at once, so that no reader sees half of it; `false`, and nothing
 * done, if the file exists already. Throws the error of the file system.
 */
export function createPrivateFile(file: string, content: string): boolean {
  const written = writeBeside(file, content);
  try {
    linkSync(written, file);
    syncFolder(file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error))) throw error;
    return createInPlace(file, content);
  } finally {
    rmSync(written, { force: true });
  }
}

/**
 * Changes the text of a file of keys in one step. A second process that does the same at that time is refused, since
 * one of the two would lose its key. Throws `ConfigError`, having changed nothing.
 */
export function updateKeyFile(file: string, setting: string, change: (text: string) => string): void {
  const next = `${file}.next`;
  try {
    removeLeftover(next);
    const before = readKeyText(file, setting);
    const after = change(before);
    if (!createPrivateFile(next, `${after}\n`)) throw busyFile(file, setting);
    if (readKeyText(file, setting) !== before) {
      rmSync(next, { force: true });
      throw busyFile(file, setting);
    }
    renameSync(next, file);
    syncFolder(file);
    if (readKeyText(file, setting) !== after) throw busyFile(file, setting);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw keyProblem(setting, `the vault's key file "${file}" cannot be changed (${codeOf(error)}).`);
  }
}

/** Of a process that was killed; the key in it was never used. */
function removeLeftover(file: string): void {
  const age = existsSync(file) ? Date.now() - statSync(file).mtimeMs : 0;
  if (age > LEFTOVER_AFTER_MS) rmSync(file, { force: true });
}

function busyFile(file: string, setting: string): ConfigError {
  return keyProblem(setting, `the file "${file}" is being changed by another process; run this again in a minute.`);
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}

function writeBeside(file: string, content: string): string {
  const beside = `${file}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    writeSynced(beside, content);
    return beside;
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/** For file systems without hard links. */
function createInPlace(file: string, content: string): boolean {
  try {
    writeSynced(file, content);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function writeSynced(file: string, content: string): void {
  const descriptor = openSync(file, 'wx', 0o600);
  try {
    writeSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The name itself must survive a power cut, too; Windows has no call for that. */
function syncFolder(file: string): void {
  if (isWindows) return;
  const descriptor = openSync(dirname(file), 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
