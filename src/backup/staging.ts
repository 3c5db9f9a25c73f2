import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { migrate, migrationNames } from '../db/migrations.ts';
import { type Database, openDatabase } from '../db/open-database.ts';
import { BackupError, ConfigError } from '../errors.ts';
import type { Keyring } from '../vault/keyring.ts';
import { inPortions, isStorable } from '../vault/secret-rows.ts';
import { toKeyring, type VaultKeySource } from '../vault/vault-key.ts';
import { assertOwnKeyring } from '../vault/vault-keys.ts';
import type { BackupOpeners } from './age-file.ts';
import type { BackedUpTable, BackupEnd, BackupFile, BackupHeader, BackupRecord } from './backup-records.ts';
import { readBackup } from './read-backup.ts';
import { isReadableRow, isSealedTable, toVaultKeyRow } from './row-values.ts';

/** A backup that was read whole and checked, in an embedded database of its own with the tables of this version. */
export interface StagedBackup {
  readonly database: Database;
  readonly header: BackupHeader;
  readonly end: BackupEnd;
  readonly keys: { readonly vault: string | undefined; readonly audit: string | undefined };
  readonly files: readonly BackupFile[];
  /** Ids of the keys in the backup, the one that writes first. */
  readonly keyIds: readonly string[];
  /** Values that no key in the backup decrypts; `undefined` where there are no keys in it. */
  readonly unreadable: number | undefined;
}

export interface StagingOptions {
  /** Where the temporary database is made, if that can be written to. */
  readonly folder: string;
  /** What unwraps the keys in a backup that a KMS has wrapped. */
  readonly vault: Pick<VaultKeySource, 'sources'>;
}

type Values = Extract<BackupRecord, { kind: 'row' }>['values'];

interface Column {
  readonly isText: boolean;
  readonly isNullable: boolean;
}

/**
 * Reads a backup into a temporary database with the tables that it was made from, brings them up to date with the
 * migrations of this version, and calls `use`. What was read is removed then. Rejects with `BackupError` for a backup that
 * is not whole or was made by a newer version, `KeyServiceError` where a KMS is needed for its keys and does not unwrap them.
 */
export async function stageBackup<Result>(
  file: string,
  openers: BackupOpeners,
  { folder, vault }: StagingOptions,
  use: (staged: StagedBackup) => Promise<Result>,
): Promise<Result> {
  const dataDir = temporaryFolder(folder);
  let database: Database | undefined;
  try {
    const records = readBackup(file, openers);
    const first = await records.next();
    if (first.done || first.value.kind !== 'header') throw new BackupError(`"${file}" is not a backup of mcpo-ts.`);
    const header = first.value;
    database = await openDatabase({ dataDir }, { upTo: lastMigration(header, file) });
    // Nothing here is worth waiting for the disk.
    await sql`pragma synchronous = off`.execute(database);
    const content = await database.transaction().execute((transaction) => fill(transaction, records, file, vault));
    await migrate(database, 'sqlite');
    return await use({ database, header, ...content });
  } finally {
    await database?.destroy();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** The data folder first: it is on a disk, and only its owner reads it. */
function temporaryFolder(folder: string): string {
  try {
    return mkdtempSync(join(folder, 'restore-'));
  } catch {
    return mkdtempSync(join(tmpdir(), 'mcpo-ts-restore-'));
  }
}

function lastMigration({ migrations, version }: BackupHeader, file: string): string {
  const known = migrationNames.slice(0, migrations.length);
  if (known.join() === migrations.join()) return migrations.at(-1) ?? '';
  throw new BackupError(
    `The backup "${file}" was made by mcpo-ts ${version}, whose database this version does not know; restore it with that version or a later one.`,
  );
}

async function fill(
  transaction: Database,
  records: AsyncIterable<BackupRecord>,
  file: string,
  vault: StagingOptions['vault'],
) {
  const writer = new RowWriter(transaction, file);
  const keys: { vault: string | undefined; audit: string | undefined } = { vault: undefined, audit: undefined };
  const files: BackupFile[] = [];
  let keyring: Keyring | undefined;
  let end: BackupEnd | undefined;
  let unreadable = 0;
  for await (const record of records) {
    if (record.kind === 'key') keys[record.name] = record.text;
    if (record.kind === 'key' && record.name === 'vault') keyring = await readKeyring(record.text, file, vault);
    if (record.kind === 'file') files.push(record);
    if (record.kind === 'end') end = record;
    if (record.kind !== 'row') continue;
    const { table, values } = record;
    await writer.write(table, values);
    if (keyring === undefined || !isSealedTable(table)) continue;
    if (!isReadableRow(keyring, table, values)) unreadable += 1;
  }
  await writer.flush();
  if (end === undefined) throw new BackupError(`"${file}" is not a whole backup of mcpo-ts: it has no end.`);
  if (keyring !== undefined) await assertKeysOf(transaction, keyring, file);
  const keyIds = keyring === undefined ? [] : [...keyring.keys.keys()];
  return { end, keys, files, keyIds, unreadable: keyring === undefined ? undefined : unreadable };
}

async function readKeyring(text: string, file: string, vault: StagingOptions['vault']): Promise<Keyring> {
  try {
    return await toKeyring({ text, setting: 'MCPO_VAULT_KEY' }, vault);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new BackupError(`The backup "${file}" has something in the place of the vault's keys that is none.`, {
      cause: error,
    });
  }
}

async function assertKeysOf(transaction: Database, keyring: Keyring, file: string): Promise<void> {
  const rows = await transaction.selectFrom('vault_keys').selectAll().execute();
  try {
    assertOwnKeyring(rows.map(toVaultKeyRow), keyring);
  } catch (error) {
    throw new BackupError(`The keys in the backup "${file}" are not those of its values.`, { cause: error });
  }
}

/** Writes rows in portions; refuses one that does not fit the table's own columns. */
class RowWriter {
  readonly #transaction: Database;
  readonly #file: string;
  #table: BackedUpTable | undefined;
  #columns: ReadonlyMap<string, Column> = new Map();
  #rows: Values[] = [];

  constructor(transaction: Database, file: string) {
    this.#transaction = transaction;
    this.#file = file;
  }

  async write(table: BackedUpTable, values: Values): Promise<void> {
    if (table !== this.#table) {
      await this.flush();
      this.#table = table;
      this.#columns = await columnsOf(this.#transaction, table);
    }
    const fits =
      Object.keys(values).length === this.#columns.size &&
      [...this.#columns].every(([name, column]) => Object.hasOwn(values, name) && isFitting(values[name], column));
    if (!fits) throw this.#misfit(table);
    this.#rows.push(values);
    if (this.#rows.length >= 200) await this.flush();
  }

  async flush(): Promise<void> {
    const table = this.#table;
    const rows = this.#rows;
    this.#rows = [];
    if (table === undefined) return;
    for (const some of inPortions(rows)) {
      try {
        await this.#transaction
          .insertInto(table)
          .values(some as never)
          .execute();
      } catch (error) {
        throw this.#misfit(table, error);
      }
    }
  }

  #misfit(table: string, cause?: unknown): BackupError {
    const message = `"${this.#file}" is not a backup that mcpo-ts has made: a row of ${table} does not fit.`;
    return new BackupError(message, { cause });
  }
}

async function columnsOf(transaction: Database, table: string): Promise<ReadonlyMap<string, Column>> {
  const { rows } = await sql<{ name: string; type: string; notnull: number; pk: number }>`
    select name, type, "notnull", pk from pragma_table_info(${table})`.execute(transaction);
  return new Map(
    rows.map(({ name, type, notnull, pk }) => [
      name,
      { isText: type.toLowerCase() === 'text', isNullable: notnull === 0 && pk === 0 },
    ]),
  );
}

function isFitting(value: Values[string] | undefined, { isText, isNullable }: Column): boolean {
  if (value === null) return isNullable;
  return isText ? typeof value === 'string' && isStorable(value) : typeof value === 'number';
}
