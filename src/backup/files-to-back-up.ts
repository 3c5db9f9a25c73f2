import { type FileHandle, open, readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { BackupError } from '../errors.ts';
import { type BackupFile, type BackupRecord, PIECE_BYTES, toFileName } from './backup-records.ts';

/** A file that was opened: what is moved or appended to meanwhile changes nothing. */
export interface FileToBackUp {
  readonly record: BackupFile;
  readonly handle: FileHandle;
}

const MAX_TRIES = 5;

/** Opens the files of a configuration, each under a name of its own. Rejects with `BackupError`. */
export async function openConfigFiles(paths: readonly string[]): Promise<readonly FileToBackUp[]> {
  const files: FileToBackUp[] = [];
  for (const path of new Set(paths.map((one) => resolve(one)))) {
    const wanted = toFileName(path);
    const isTaken = files.some(({ record }) => record.name === wanted);
    files.push(await openFile('config', path, isTaken ? `${files.length + 1}-${wanted}` : wanted));
  }
  return files;
}

/**
 * Opens an audit log: its head, the files that were rotated away, the current one. The head comes first: while the
 * service continues writing, there are more lines than the head says, never fewer. Rejects with `BackupError`.
 */
export async function openAuditLog(file: string): Promise<readonly FileToBackUp[]> {
  for (let tries = 1; ; tries += 1) {
    const paths = await auditLogPaths(file);
    const files: FileToBackUp[] = [];
    try {
      for (const path of paths) files.push(await openFile('audit-log', path, toFileName(path)));
      // The log may have been rotated between the list and the files.
      if ((await auditLogPaths(file)).join('\n') === paths.join('\n')) return files;
    } catch (error) {
      if (tries === MAX_TRIES) throw error;
    }
    await Promise.all(files.map(({ handle }) => handle.close()));
    if (tries === MAX_TRIES) throw new BackupError(`The files of the audit log "${file}" keep changing.`);
  }
}

/** The records of one file, which is closed then. Rejects with `BackupError` if it has become shorter. */
export async function* fileRecords({ record, handle }: FileToBackUp): AsyncGenerator<BackupRecord> {
  try {
    yield record;
    for (let position = 0; position < record.bytes; ) {
      const length = Math.min(PIECE_BYTES, record.bytes - position);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
      if (bytesRead === 0) throw new BackupError(`The file "${record.path}" was cut off while it was backed up.`);
      yield { kind: 'piece', base64: buffer.subarray(0, bytesRead).toString('base64') };
      position += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

async function auditLogPaths(file: string): Promise<readonly string[]> {
  const folder = dirname(resolve(file));
  const name = basename(file);
  const names = await readdir(folder).catch(() => [] as string[]);
  const head = `${name}.head`;
  const rotated = names.filter((one) => one.startsWith(`${name}.`) && one !== head && !one.endsWith('.tmp')).sort();
  return [head, ...rotated, name].filter((one) => names.includes(one)).map((one) => join(folder, one));
}

async function openFile(folder: BackupFile['folder'], path: string, name: string): Promise<FileToBackUp> {
  try {
    const handle = await open(path, 'r');
    const { size: bytes } = await handle.stat();
    return { record: { kind: 'file', folder, name, path, bytes }, handle };
  } catch (error) {
    throw new BackupError(`The file "${path}" cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
