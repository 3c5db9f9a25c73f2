import { createHash } from 'node:crypto';
import type { Database } from '../db/open-database.ts';
import { readSnapshot, type Snapshot, type TableRow } from '../db/snapshot.ts';
import { BackupError } from '../errors.ts';
import { assertOwnKeyring } from '../vault/vault-keys.ts';
import type { KeysToBackUp } from './backup-keys.ts';
import {
  type BackedUpTable,
  type BackupEnd,
  type BackupHeader,
  type BackupRecord,
  backedUpTables,
  createHeader,
  MAX_LINE_BYTES,
} from './backup-records.ts';
import { type FileToBackUp, fileRecords } from './files-to-back-up.ts';
import { isReadableRow, isSealedTable, toVaultKeyRow } from './row-values.ts';

export interface BackupSource {
  readonly database: Database;
  readonly facts: Pick<BackupHeader, 'createdAt' | 'version' | 'engine'>;
  /** Reads the keys; `undefined`: they are left out. */
  readonly readKeys: (() => Promise<KeysToBackUp>) | undefined;
  /** Finds and opens the files; they are closed when they were read. */
  readonly openFiles: () => Promise<readonly FileToBackUp[]>;
}

/** What a backup has in it, known when it is written. */
export type BackupCounts = Pick<BackupEnd, 'rows' | 'files' | 'unreadable'>;

/**
 * Calls `write` with the bytes of a backup, not yet encrypted; resolves to what is in it. All rows are as they were at
 * one moment. Rejects with `ConfigError` for the vault's keys, `BackupError`, or the driver's error.
 */
export function writeBackup(
  source: BackupSource,
  write: (plain: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<BackupCounts> {
  return readSnapshot(source.database, backedUpTables, async (snapshot) => {
    if (snapshot.migrations.length === 0) {
      throw new BackupError('The database is not one of mcpo-ts: there is nothing to back up.');
    }
    const counts = { rows: {} as Record<BackedUpTable, number>, files: 0, unreadable: 0 };
    await write(toLines(contents(source, snapshot, counts), counts));
    return counts;
  });
}

type Counts = { rows: Record<BackedUpTable, number>; files: number; unreadable: number };

/** The records in their order, without the end. */
async function* contents(source: BackupSource, snapshot: Snapshot, counts: Counts): AsyncGenerator<BackupRecord> {
  yield createHeader({ ...source.facts, migrations: [...snapshot.migrations] });
  // After the snapshot has begun: a rotation writes a key down before it uses it.
  const keys = await source.readKeys?.();
  if (keys?.vault !== undefined) yield { kind: 'key', name: 'vault', text: keys.vault.text };
  if (keys?.audit !== undefined) yield { kind: 'key', name: 'audit', text: keys.audit };
  for (const table of backedUpTables.filter((name) => snapshot.tables.includes(name))) {
    yield* rowRecords(snapshot, table, keys, counts);
  }
  for (const file of await source.openFiles()) {
    counts.files += 1;
    yield* fileRecords(file);
  }
}

async function* rowRecords(
  snapshot: Snapshot,
  table: BackedUpTable,
  keys: KeysToBackUp | undefined,
  counts: Counts,
): AsyncGenerator<BackupRecord> {
  counts.rows[table] = 0;
  for await (const page of snapshot.rows(table)) {
    const rows = table === 'catalogues' ? page.filter(isShortList) : page;
    if (keys !== undefined) counts.unreadable += countUnreadable(table, rows, keys);
    counts.rows[table] += rows.length;
    for (const row of rows) yield { kind: 'row', table, values: row as Record<string, string | number | null> };
  }
}

/** A list of tools is read again where it is missing; one of such a length would not be read back. */
function isShortList(row: TableRow): boolean {
  return String(row.content).length <= MAX_LINE_BYTES / 8;
}

/** A backup with another vault's keys, or without the keys of its values, would be of no use. */
function countUnreadable(table: BackedUpTable, rows: readonly TableRow[], keys: KeysToBackUp): number {
  const { vault } = keys;
  if (table === 'vault_keys' && vault !== undefined) assertOwnKeyring(rows.map(toVaultKeyRow), vault.keyring);
  if (!isSealedTable(table)) return 0;
  if (vault === undefined) throw keys.vaultProblem;
  return rows.filter((row) => !isReadableRow(vault.keyring, table, row)).length;
}

async function* toLines(records: AsyncIterable<BackupRecord>, counts: BackupCounts): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const record of records) {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    hash.update(line);
    yield line;
  }
  const end: BackupEnd = { kind: 'end', ...counts, sha256: hash.digest('hex') };
  yield Buffer.from(`${JSON.stringify(end)}\n`);
}
