import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError } from './errors.ts';

export const KEY_BYTES = 32;

/** Changing the file takes milliseconds. */
const LEFTOVER_AFTER_MS = 10_000;

const isWindows = process.platform === 'win32';

/** A new key in the form of a key file. */
export function generateKey(): string {
  return randomBytes(KEY_BYTES).toString('base64');
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
    throw keyProblem(setting, `no key can be read from "${file}" (${codeOf(error)}).`);
  }
}

/** The same of a file in the data folder, where one with this new key is made if there is none. Throws `ConfigError`. */
export function openKeyFile(file: string, newKey: string, onCreated: () => void): string {
  try {
    if (!existsSync(file)) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      if (createPrivateFile(file, `${newKey}\n`)) onCreated();
    }
  } catch (error) {
    throw keyProblem('MCPO_DATA_DIR', `no key can be made at "${file}" (${codeOf(error)}).`);
  }
  return readKeyText(file, 'MCPO_DATA_DIR');
}

export function keyProblem(key: string, message: string): ConfigError {
  return new ConfigError([{ key, message }]);
}

/**
 * Makes a file of mode 0600 with its whole content at once, so that no reader sees half of it; `false`, and nothing
 * done, if the file exists already. Throws the error of the file system.
 */
export function createPrivateFile(file: string, content: string): boolean {
  const beside = `${file}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    writeSynced(beside, content);
    linkSync(beside, file);
    syncFolder(file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error))) throw error;
    return createInPlace(file, content);
  } finally {
    rmSync(beside, { force: true });
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
    throw keyProblem(setting, `the key file "${file}" cannot be changed (${codeOf(error)}).`);
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
  writeFileSync(file, content, { flag: 'wx', mode: 0o600, flush: true });
}

/** Makes the name of a file survive a power cut, too; Windows has no call for that. */
export function syncFolder(file: string): void {
  if (isWindows) return;
  const descriptor = openSync(dirname(file), 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
