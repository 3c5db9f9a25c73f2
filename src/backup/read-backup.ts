import { createHash } from 'node:crypto';
import { BackupError } from '../errors.ts';
import { type BackupOpeners, decrypt } from './age-file.ts';
import { type BackupHeader, type BackupRecord, MAX_LINE_BYTES, parseRecord } from './backup-records.ts';

const LINE_END = 0x0a;

/**
 * The records of a backup in their order, the header first and the end last, which is compared with what came before it.
 * Nothing that was read may be used before the end has come. Rejects with `BackupError`.
 */
export async function* readBackup(file: string, openers: BackupOpeners): AsyncGenerator<BackupRecord, void, undefined> {
  const hash = createHash('sha256');
  const rows: Partial<Record<string, number>> = {};
  let header: BackupHeader | undefined;
  let files = 0;
  /** Bytes of the current file that are still to come. */
  let left = 0;
  let hasEnded = false;
  for await (const line of readLines(decrypt(file, openers), file)) {
    const record = toRecord(line, file);
    if (hasEnded) throw malformed(file, 'something follows its end');
    if ((header === undefined) !== (record.kind === 'header'))
      throw malformed(file, 'its header is not the first line');
    if (left > 0 && record.kind !== 'piece') throw malformed(file, 'a file in it is incomplete');
    switch (record.kind) {
      case 'header':
        header = record;
        break;
      case 'row':
        rows[record.table] = (rows[record.table] ?? 0) + 1;
        break;
      case 'file':
        files += 1;
        left = record.bytes;
        break;
      case 'piece':
        left -= Buffer.byteLength(record.base64, 'base64');
        if (left < 0) throw malformed(file, 'a file in it is longer than it says');
        break;
      case 'end': {
        const isWhole =
          record.sha256 === hash.digest('hex') &&
          record.files === files &&
          [...new Set([...Object.keys(rows), ...Object.keys(record.rows)])].every(
            (table) => (rows[table] ?? 0) === (record.rows as typeof rows)[table],
          );
        if (!isWhole) throw malformed(file, 'its content is not what its end counts');
        hasEnded = true;
        break;
      }
      case 'key':
        break;
    }
    if (!hasEnded) hash.update(line).update('\n');
    yield record;
  }
  if (!hasEnded) throw malformed(file, 'it has no end');
}

function toRecord(line: Buffer, file: string): BackupRecord {
  try {
    return parseRecord(line.toString('utf8'));
  } catch {
    if (isOtherVersion(line)) {
      throw new BackupError(`The backup "${file}" has a format that this version of mcpo-ts does not know.`);
    }
    throw malformed(file, 'a line in it is not a record');
  }
}

function isOtherVersion(line: Buffer): boolean {
  return /^\{"kind":"header","format":"mcpo-ts backup","formatVersion":(?!1,)\d+,/.test(line.toString('utf8', 0, 200));
}

async function* readLines(pieces: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const piece of pieces) {
    const data = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let start = 0;
    for (let end = data.indexOf(LINE_END); end !== -1; end = data.indexOf(LINE_END, start)) {
      yield Buffer.concat([...parts, data.subarray(start, end)]);
      parts = [];
      length = 0;
      start = end + 1;
    }
    // A copy: the piece may be used again.
    if (start < data.length) parts.push(Buffer.from(data.subarray(start)));
    length += data.length - start;
    if (length > MAX_LINE_BYTES) throw malformed(file, 'a line in it is too long');
  }
  if (length > 0) throw malformed(file, 'its last line is incomplete');
}

function malformed(file: string, what: string): BackupError {
  return new BackupError(`"${file}" is not a whole backup of mcpo-ts: ${what}.`);
}
