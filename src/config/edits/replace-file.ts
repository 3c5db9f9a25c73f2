import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EditRefusedError } from '../../errors.ts';
import { syncFolder } from '../../key-file.ts';

/** A single mounted file cannot be replaced (EBUSY), and its folder may not be writable. */
const CANNOT_REPLACE: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV']);

/**
 * Replaces a file's text: readers see the text before or this one, whatever happens meanwhile. Mode and owner stay; a
 * link stays a link. A file that cannot be replaced, such as one that is mounted by itself, is overwritten.
 * Throws `EditRefusedError` where it cannot be written.
 */
export function replaceFile(path: string, text: string): void {
  try {
    const file = realpathSync(path);
    if (!tryReplace(file, text)) overwrite(file, text);
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException;
    const message = `The servers file cannot be written (${code}). It may be read-only, as a ConfigMap or a mount with ":ro" is; change it where it comes from.`;
    throw new EditRefusedError(message, { cause: error });
  }
}

/** `false`: it cannot be replaced. Throws what else goes wrong. */
function tryReplace(file: string, text: string): boolean {
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const { mode, uid, gid } = statSync(file);
    const handle = openSync(temporary, 'wx', 0o600);
    try {
      writeFileSync(handle, text);
      if (process.platform !== 'win32') fchownSync(handle, uid, gid);
      fchmodSync(handle, mode & 0o7777);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    // A file that may not be written is not replaced either, though its folder would allow it.
    closeSync(openSync(file, 'r+'));
    renameSync(temporary, file);
    trySyncFolder(file);
    return true;
  } catch (error) {
    rmSync(temporary, { force: true });
    if (CANNOT_REPLACE.has((error as NodeJS.ErrnoException).code)) return false;
    throw error;
  }
}

function overwrite(file: string, text: string): void {
  const handle = openSync(file, 'r+');
  try {
    writeFileSync(handle, text);
    ftruncateSync(handle, Buffer.byteLength(text));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Not every file system can. The file itself is written. */
function trySyncFolder(file: string): void {
  try {
    syncFolder(file);
  } catch {
    // The new name may be lost in a power cut.
  }
}
