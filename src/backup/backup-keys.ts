import { existsSync, renameSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type AuditKeySettings, auditKeyFile, parseAuditKey } from '../audit/audit-keys.ts';
import type { Database } from '../db/open-database.ts';
import { readSnapshot } from '../db/snapshot.ts';
import { BackupError, UsageError } from '../errors.ts';
import { codeOf, createPrivateFile, keyProblem, readKeyText, syncFolder } from '../key-file.ts';
import type { Keyring } from '../vault/keyring.ts';
import { findKeyring, findKeyText, toKeyring, type VaultKeySource, vaultKeyFile } from '../vault/vault-key.ts';
import { isReadableRow, sealedTables } from './row-values.ts';
import type { StagedBackup } from './staging.ts';

/** The keys that go into a backup. */
export interface KeysToBackUp {
  /** `undefined`: there are none yet, or they cannot be read. */
  readonly vault: { readonly text: string; readonly keyring: Keyring } | undefined;
  /** Why there are none. */
  readonly vaultProblem: unknown;
  readonly audit: string | undefined;
}

export interface KeySources {
  readonly vault: VaultKeySource;
  readonly audit: AuditKeySettings;
}

/** A key file to be written before the rows; the file that is there already is kept under another name. */
interface KeyFileChange {
  readonly file: string;
  readonly text: string;
}

export interface KeyPlan {
  readonly changes: readonly KeyFileChange[];
  /** Whether the audit key in use is the backup's, or the backup has none. */
  readonly hasSameAuditKey: boolean;
}

/**
 * Reads the keys of vault and audit log as they are kept, so that those that a KMS wraps stay wrapped; makes none. Rejects
 * with `ConfigError` for an audit key that others may read.
 */
export async function readKeys({ vault, audit }: KeySources): Promise<KeysToBackUp> {
  const auditText = audit.value ?? readIfThere(auditKeyFile(audit.dataDir));
  try {
    const found = findKeyText(vault);
    return {
      vault: { text: found.text, keyring: await toKeyring(found, vault) },
      vaultProblem: undefined,
      audit: auditText,
    };
  } catch (error) {
    return { vault: undefined, vaultProblem: error, audit: auditText };
  }
}

/**
 * Decides which key files a restore writes; writes none. Rejects with `ConfigError` where the keys are given by the
 * environment and do not open the backup, `UsageError` where an audit log was begun under another key than the backup's.
 */
export async function planKeys(
  staged: StagedBackup,
  { vault, audit }: KeySources,
  { file, hasAnchors }: { readonly file: string; readonly hasAnchors: boolean },
): Promise<KeyPlan> {
  const vaultChange = await planVaultKey(staged, vault, file);
  const auditChange = planAuditKey(staged.keys.audit, audit, hasAnchors);
  const changes = [vaultChange, auditChange.change].flatMap((change) => change ?? []);
  return { changes, hasSameAuditKey: auditChange.isSame };
}

/** Writes the files of a plan, with mode 0600. Resolves to what was kept under which name. Rejects with `BackupError`. */
export async function writeKeys(plan: KeyPlan, now: number): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const { file, text } of plan.changes) {
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      if (existsSync(file)) {
        const aside = `${file}.before-restore-${new Date(now).toISOString().slice(0, 19).replaceAll(':', '-')}Z`;
        renameSync(file, aside);
        syncFolder(file);
        kept.push(`${basename(file)} was another key; it is kept as ${aside}.`);
      }
      if (!createPrivateFile(file, `${text.trim()}\n`)) throw new BackupError(`"${file}" was made by another process.`);
    } catch (error) {
      if (error instanceof BackupError) throw error;
      throw new BackupError(`The key file "${file}" cannot be written (${codeOf(error)}); no row was restored.`);
    }
  }
  return kept;
}

async function planVaultKey(
  staged: StagedBackup,
  source: VaultKeySource,
  file: string,
): Promise<KeyFileChange | undefined> {
  const text = staged.keys.vault;
  const isGiven = source.value !== undefined || source.file !== undefined || source.hasSharedDatabase;
  const path = source.file ?? (isGiven ? undefined : vaultKeyFile(source.dataDir));
  const isThere = path === undefined || existsSync(path);
  if (!isThere && text !== undefined) return { file: path, text };
  const unreadable = await countUnreadable(staged, source, text);
  if (unreadable <= staged.end.unreadable) return undefined;
  if (!isGiven && path !== undefined && text !== undefined) return { file: path, text };
  const ids = staged.keyIds.length === 0 ? '' : ` (ids ${staged.keyIds.join(', ')})`;
  const advice =
    text === undefined
      ? 'give those with which it was made'
      : `"mcpo-ts restore ${file} --extract FOLDER" writes them to a file; give them, behind your own after a comma if you have some`;
  throw keyProblem(
    source.file === undefined ? 'MCPO_VAULT_KEY' : 'MCPO_VAULT_KEY_FILE',
    `does not have the keys of this backup${ids}: ${advice}.`,
  );
}

/** How many values of the backup the keys of this place do not decrypt; with no keys here, all of them. */
async function countUnreadable(staged: StagedBackup, source: VaultKeySource, text: string | undefined) {
  let keyring: Keyring | undefined;
  try {
    keyring = await findKeyring(source);
  } catch (error) {
    const isNeeded = text !== undefined || (await hasSealedRows(staged.database));
    if (isNeeded && source.value !== undefined) throw error;
  }
  if (keyring === undefined) return (await hasSealedRows(staged.database)) ? Number.POSITIVE_INFINITY : 0;
  const ring = keyring;
  return readSnapshot(staged.database, sealedTables, async (snapshot) => {
    let unreadable = 0;
    for (const table of sealedTables) {
      for await (const rows of snapshot.rows(table)) {
        unreadable += rows.filter((row) => !isReadableRow(ring, table, row)).length;
      }
    }
    return unreadable;
  });
}

async function hasSealedRows(database: Database): Promise<boolean> {
  for (const table of sealedTables) {
    if ((await database.selectFrom(table).select('key_id').limit(1).executeTakeFirst()) !== undefined) return true;
  }
  return false;
}

function planAuditKey(
  text: string | undefined,
  { value, dataDir }: AuditKeySettings,
  hasAnchors: boolean,
): { readonly change: KeyFileChange | undefined; readonly isSame: boolean } {
  if (text === undefined) return { change: undefined, isSame: true };
  const key = parseAuditKey(text);
  if (value !== undefined) return { change: undefined, isSame: parseAuditKey(value).equals(key) };
  const file = auditKeyFile(dataDir);
  const there = readIfThere(file);
  if (there === undefined) return { change: { file, text }, isSame: true };
  if (parseAuditKey(there).equals(key)) return { change: undefined, isSame: true };
  if (!hasAnchors) return { change: { file, text }, isSame: false };
  throw new UsageError(
    `An audit log was begun here under another key than the backup's: restore into another data folder, or move "${file}" and that log away, or add --replace.`,
  );
}

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readKeyText(file, 'MCPO_DATA_DIR') : undefined;
}
