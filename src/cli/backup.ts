import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type BackupLock, encrypt } from '../backup/age-file.ts';
import { type KeySources, readKeys } from '../backup/backup-keys.ts';
import {
  type BackupTarget,
  findTarget,
  type Retention,
  removeOldBackups,
  writeTarget,
} from '../backup/backup-target.ts';
import { openAuditLog, openConfigFiles } from '../backup/files-to-back-up.ts';
import { type BackupCounts, writeBackup } from '../backup/write-backup.ts';
import { parseDuration } from '../config/duration.ts';
import type { Environment } from '../config/environment.ts';
import { loadSettings } from '../config/load-settings.ts';
import { passphraseWeakness } from '../config/secret-strength.ts';
import { vaultKeyOf } from '../config/settings.ts';
import { errorCodeOf } from '../db/database-error.ts';
import { databaseFile } from '../db/database-file.ts';
import { noteBackup } from '../db/last-backup.ts';
import { type Database, openDatabase } from '../db/open-database.ts';
import { BackupError, ConfigError, ServiceError, UsageError } from '../errors.ts';
import { readVersion } from '../version.ts';
import { type CommandResult, done } from './command-result.ts';

/** The flags of `mcpo-ts backup`. */
export interface BackupFlags {
  readonly recipient?: readonly string[];
  readonly config?: string;
  readonly withAuditLog?: true;
  readonly withoutKeys?: true;
  readonly force?: true;
  readonly keep?: string;
}

/** How long a backup waits for another process that keeps the database locked, or migrates it. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 500;
const BUSY = /^(SQLITE_BUSY|57014|55P03)/;
const DAY_SECONDS = 86_400;

/**
 * `mcpo-ts backup FILE`: writes everything that the service stores to an encrypted file, while it runs. Rejects with
 * `UsageError`, `ConfigError` for keys and files of the configuration, `BackupError`, `DatabaseError`.
 */
export async function backUp(path: string, flags: BackupFlags, environment: Environment): Promise<CommandResult> {
  const { database: location } = environment;
  const startedAt = Date.now();
  const lock = findLock(flags, environment);
  const retention = parseRetention(flags.keep);
  const target = findTarget(path, flags.force === true, startedAt);
  if (retention !== undefined && (target.kind === 'output' || target.folder === undefined)) {
    throw new UsageError(`--keep is for a folder of backups, and "${path}" is not a folder.`);
  }
  if (location.databaseUrl === undefined && !existsSync(databaseFile(location.dataDir))) {
    throw new UsageError(`There is no database in "${location.dataDir}" to back up; is MCPO_DATA_DIR right?`);
  }
  const configFiles = readConfigPaths(flags, environment);
  const auditLog = flags.withAuditLog ? environment.values.SECURITY_LOG_FILE : undefined;
  if (flags.withAuditLog && auditLog === undefined) {
    throw new UsageError('--with-audit-log needs SECURITY_LOG_FILE, which says where the audit log is.');
  }
  return patiently(async () => {
    // As it is: a newer version that is about to be installed must not change it before there is a backup.
    const database = await openDatabase(location, 'as it is');
    try {
      let bytes = 0;
      const source = {
        database,
        facts: {
          createdAt: startedAt,
          version: readVersion(),
          engine: location.databaseUrl === undefined ? 'SQLite' : 'PostgreSQL',
        },
        readKeys: flags.withoutKeys ? undefined : () => readKeys(keySourcesOf(environment)),
        openFiles: async () => [
          ...(await openConfigFiles(configFiles)),
          ...(auditLog === undefined ? [] : await openAuditLog(auditLog)),
        ],
      } as const;
      const counts = await writeBackup(source, async (plain) => {
        bytes = await writeTarget(target, await encrypt(plain, lock));
      });
      const notes = [
        ...(await note(database, target, counts, bytes)),
        ...notesOn(counts, flags),
        ...(await tidy(target, retention)),
      ];
      const text = `${describe(counts, bytes)} written to ${target.kind === 'file' ? target.file : 'standard output'}.\n`;
      const notesText = notes.map((line) => `${line}\n`).join('');
      return target.kind === 'file' ? done(text, notesText) : done('', text + notesText);
    } finally {
      await database.destroy();
    }
  });
}

/** Where the keys of vault and audit log are. */
export function keySourcesOf(
  environment: Pick<Environment, 'values' | 'secrets' | 'variables' | 'database'>,
): KeySources {
  const { secrets } = environment;
  const { dataDir, databaseUrl } = environment.database;
  return {
    vault: { ...vaultKeyOf(environment), dataDir, hasSharedDatabase: databaseUrl !== undefined },
    audit: { value: secrets.MCPO_AUDIT_KEY, dataDir },
  };
}

function findLock(flags: BackupFlags, { values, secrets }: Environment): BackupLock {
  const passphrase = secrets.MCPO_BACKUP_PASSPHRASE;
  const recipients = flags.recipient ?? values.MCPO_BACKUP_RECIPIENT ?? [];
  if (recipients.length > 0) {
    if (passphrase === undefined) return { recipients };
    throw new UsageError('A backup is encrypted with MCPO_BACKUP_PASSPHRASE or for recipients, not both; unset one.');
  }
  if (passphrase === undefined) {
    throw new UsageError(
      'A backup is always encrypted: set MCPO_BACKUP_PASSPHRASE or MCPO_BACKUP_PASSPHRASE_FILE, or give --recipient age1…, a public key that "age-keygen" prints.',
    );
  }
  const weakness = passphraseWeakness(passphrase);
  if (weakness === undefined) return { passphrase };
  throw new ConfigError([{ key: 'MCPO_BACKUP_PASSPHRASE', message: weakness }]);
}

function parseRetention(keep: string | undefined): Retention | undefined {
  if (keep === undefined) return undefined;
  const seconds = parseDuration(keep);
  if (seconds !== undefined && seconds >= DAY_SECONDS) return { days: seconds / DAY_SECONDS };
  if (/^[1-9]\d{0,5}$/.test(keep)) return { count: Number(keep) };
  throw new UsageError(`--keep is a number of backups such as 7, or days such as 30d, and not "${keep}".`);
}

/** The servers file and every file that it names, as a start reads them. */
function readConfigPaths({ config }: BackupFlags, environment: Environment): readonly string[] {
  if (config === undefined) return [];
  const paths: string[] = [config];
  const options = { config, env: new Map(), header: new Map(), allowedHosts: [], positional: [] };
  loadSettings(options, environment, true, (path) => paths.push(path));
  return paths;
}

/** Runs it again while the database is busy, and says that it waits. Rejects with the last error, or `BackupError`. */
async function patiently(run: () => Promise<CommandResult>): Promise<CommandResult> {
  const end = Date.now() + PATIENCE_MS;
  for (let waits = false; ; waits = true) {
    try {
      return await run();
    } catch (error) {
      const code = errorCodeOf(error instanceof ServiceError ? error.cause : error) ?? '';
      if (!BUSY.test(code)) throw error instanceof ServiceError ? error : notRead(code, error);
      if (Date.now() > end) {
        throw new BackupError(`Another process has kept the database locked for a minute (${code}); try again later.`);
      }
      if (!waits) process.stderr.write('mcpo-ts: another process has locked the database; waiting up to a minute.\n');
      await delay(PAUSE_MS);
    }
  }
}

function notRead(code: string, error: unknown): BackupError {
  const reason = code === '' ? '' : ` (${code})`;
  return new BackupError(`The database cannot be read${reason}; no backup was written.`, { cause: error });
}

/** A database that cannot be written to can be backed up, too. */
async function note(
  database: Database,
  target: BackupTarget,
  counts: BackupCounts,
  bytes: number,
): Promise<readonly string[]> {
  const file = target.kind === 'file' ? target.file : '-';
  try {
    await noteBackup(database, { finishedAt: Date.now(), file, bytes, rows: totalOf(counts) });
    return [];
  } catch (error) {
    const code = errorCodeOf(error) ?? 'unknown error';
    return [`The time of this backup could not be recorded in the database (${code}); the backup itself is complete.`];
  }
}

function notesOn({ unreadable }: BackupCounts, { config, withAuditLog, withoutKeys }: BackupFlags): readonly string[] {
  const missing = [
    ...(config === undefined ? ['the servers file (--config FILE)'] : []),
    ...(withAuditLog ? [] : ['the audit log (--with-audit-log)']),
    ...(withoutKeys ? ['the keys of vault and audit log, without which values cannot be read'] : []),
  ];
  return [
    ...(unreadable === 0
      ? []
      : [`${unreadable} values cannot be decrypted with the keys given; they are in the backup as they are.`]),
    ...(missing.length === 0 ? [] : [`Not in it: ${missing.join('; ')}.`]),
  ];
}

async function tidy(target: BackupTarget, retention: Retention | undefined): Promise<readonly string[]> {
  if (retention === undefined || target.kind === 'output' || target.folder === undefined) return [];
  try {
    const removed = await removeOldBackups(target.folder, retention, Date.now());
    return removed === 0 ? [] : [`${removed} older ${removed === 1 ? 'backup was' : 'backups were'} removed.`];
  } catch (error) {
    return [`Older backups could not be removed (${errorCodeOf(error) ?? 'unknown error'}).`];
  }
}

function describe(counts: BackupCounts, bytes: number): string {
  const rows = totalOf(counts);
  const files = counts.files === 0 ? '' : ` and ${counts.files} ${counts.files === 1 ? 'file' : 'files'}`;
  return `${rows} ${rows === 1 ? 'row' : 'rows'}${files}, ${bytes} bytes encrypted,`;
}

function totalOf({ rows }: BackupCounts): number {
  return Object.values(rows).reduce((sum, count) => sum + count, 0);
}
