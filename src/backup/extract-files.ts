import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { BackupError, UsageError } from '../errors.ts';
import { codeOf } from '../key-file.ts';
import type { BackupOpeners } from './age-file.ts';
import type { BackupRecord } from './backup-records.ts';
import { readBackup } from './read-backup.ts';

/** A file that was written, and where it was when it was backed up; `undefined` for a key. */
export interface ExtractedFile {
  readonly name: string;
  readonly path: string | undefined;
}

/**
 * Writes the keys and files of a backup, nothing of the database, into a new folder that only its owner may read: all of
 * them, or no folder. Rejects with `UsageError` if it exists, `BackupError`.
 */
export async function extractFiles(
  file: string,
  openers: BackupOpeners,
  folder: string,
): Promise<readonly ExtractedFile[]> {
  if (existsSync(folder)) throw new UsageError(`The folder "${folder}" exists already; name one that does not.`);
  const beside = await mkdtemp(join(dirname(resolve(folder)), `.${basename(folder)}-`)).catch((error: unknown) => {
    throw notWritten(folder, error);
  });
  try {
    const files = await extractInto(beside, readBackup(file, openers));
    await rename(beside, folder);
    return files;
  } catch (error) {
    throw error instanceof BackupError ? error : notWritten(folder, error);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

async function extractInto(folder: string, records: AsyncIterable<BackupRecord>): Promise<readonly ExtractedFile[]> {
  const files: ExtractedFile[] = [];
  let current: FileHandle | undefined;
  try {
    for await (const record of records) {
      if (record.kind === 'piece') {
        await current?.writeFile(Buffer.from(record.base64, 'base64'));
        continue;
      }
      await current?.close();
      current = undefined;
      if (record.kind === 'key') {
        const name = `${record.name}.key`;
        current = await open(join(folder, name), 'wx', 0o600);
        await current.writeFile(`${record.text.trim()}\n`);
        files.push({ name, path: undefined });
      } else if (record.kind === 'file') {
        const name = join(record.folder, record.name);
        await mkdir(join(folder, record.folder), { recursive: true, mode: 0o700 });
        current = await open(join(folder, name), 'wx', 0o600);
        files.push({ name, path: record.path });
      }
    }
    return files;
  } finally {
    await current?.close();
  }
}

function notWritten(folder: string, error: unknown): BackupError {
  return new BackupError(`The files cannot be written to "${folder}" (${codeOf(error)}).`, { cause: error });
}
