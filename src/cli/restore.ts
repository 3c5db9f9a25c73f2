import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BackupLock, type BackupOpeners, encrypt, recipientsOf } from '../backup/age-file.ts';
import { planKeys, readKeys, writeKeys } from '../backup/backup-keys.ts';
import { findTarget, writeTarget } from '../backup/backup-target.ts';
import { extractFiles } from '../backup/extract-files.ts';
import { contentsOf, restoreRows } from '../backup/restore-rows.ts';
import { type StagedBackup, stageBackup } from '../backup/staging.ts';
import { writeBackup } from '../backup/write-backup.ts';
import type { Environment } from '../config/environment.ts';
import { errorCodeOf } from '../db/database-error.ts';
import { type Database, openDatabase } from '../db/open-database.ts';
import { BackupError, ServiceError, UsageError } from '../errors.ts';
import { readVersion } from '../version.ts';
import { keySourcesOf } from './backup.ts';
import { type CommandResult, done, toTimeText } from './command-result.ts';
import { confirm } from './confirm.ts';

export interface VerifyFlags {
  readonly identity?: string;
}

/** The flags of `mcpo-ts restore`. */
export interface RestoreFlags extends VerifyFlags {
  readonly replace?: true;
  readonly yes?: true;
  readonly withoutSafetyCopy?: true;
  readonly extract?: string;
}

/**
 * `mcpo-ts backup verify FILE`: reads a backup as a restore would, changing nothing, and prints what is in it, no value
 * and no key. Exit code 1, and one sentence, for a backup that cannot be restored whole.
 */
export async function verifyBackup(file: string, flags: VerifyFlags, environment: Environment): Promise<CommandResult> {
  const openers = findOpeners(flags, environment);
  try {
    return await stageBackup(file, openers, stagingOf(environment), async (staged) => {
      const { unreadable = 0, end } = staged;
      const isWhole = unreadable <= end.unreadable;
      const verdict = isWhole
        ? `OK: ${file}`
        : `NOT OK: ${file}: ${unreadable - end.unreadable} values in it cannot be decrypted with its keys.`;
      return { text: `${[verdict, ...describe(staged)].join('\n')}\n`, exitCode: isWhole ? 0 : 1 };
    });
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { text: `NOT OK: ${error.message}\n`, exitCode: 1 };
  }
}

/**
 * `mcpo-ts restore FILE`: puts a backup into the database, all of it or nothing, and its keys into the data folder.
 * `ask` returns whether to go on, `undefined` where nobody can be asked. Rejects with `UsageError` for a database that is
 * not empty, `ConfigError` for keys, `BackupError`, `DatabaseError`.
 */
export async function restore(
  file: string,
  flags: RestoreFlags,
  environment: Environment,
  ask: typeof confirm = confirm,
): Promise<CommandResult> {
  const openers = findOpeners(flags, environment);
  if (flags.extract !== undefined) return extract(file, openers, flags.extract);
  return stageBackup(file, openers, stagingOf(environment), async (staged) => {
    const database = await openDatabase(environment.database);
    try {
      return await restoreStaged(file, staged, { database, flags, environment, openers, ask });
    } catch (error) {
      if (error instanceof ServiceError) throw error;
      const reason = `${errorCodeOf(error) ?? 'unknown error'}`;
      throw new BackupError(`The database cannot be written (${reason}); nothing in it was changed.`, { cause: error });
    } finally {
      await database.destroy();
    }
  });
}

interface Restoring {
  readonly database: Database;
  readonly flags: RestoreFlags;
  readonly environment: Environment;
  readonly openers: BackupOpeners;
  readonly ask: typeof confirm;
}

async function restoreStaged(
  file: string,
  staged: StagedBackup,
  { database, flags, environment, openers, ask }: Restoring,
): Promise<CommandResult> {
  const now = Date.now();
  const replaces = flags.replace === true;
  assertWhole(file, staged);
  const contents = [...(await contentsOf(database))].map(([table, count]) => `${count} of ${table}`).join(', ');
  if (contents !== '' && !replaces) {
    throw new UsageError(
      `The database is not empty (${contents}); --replace puts the backup in the place of what it has, after a copy of that.`,
    );
  }
  const sources = keySourcesOf(environment);
  const anchors = await database.selectFrom('audit_anchors').select('log').limit(1).execute();
  const plan = await planKeys(staged, sources, { file, hasAnchors: anchors.length > 0 && !replaces });
  if (contents !== '' && !(await isConfirmed(contents, flags, ask))) {
    return { text: '', note: 'Nothing was changed.\n', exitCode: 1 };
  }
  const notes: string[] = [];
  if (contents !== '' && flags.withoutSafetyCopy !== true) {
    notes.push(`What was there before is in ${await copyBefore(database, environment, openers, now)}.`);
  }
  const kept = await writeKeys(plan, now);
  const { rows, erased } = await restoreRows(database, staged, { replaces, keepsAnchors: plan.hasSameAuditKey });
  const made = toTimeText(staged.header.createdAt);
  notes.push(
    ...kept,
    ...(kept.length > 0 ? ['Restart the service: its keys have changed.'] : []),
    ...(plan.hasSameAuditKey
      ? []
      : ['The audit key in use is not that of the backup: older audit logs need the old one.']),
    ...(erased > 0
      ? [
          `${erased === 1 ? '1 user' : `${erased} users`} erased since ${made} ${erased === 1 ? 'was' : 'were'} not brought back.`,
        ]
      : []),
    `Users who were erased after ${made} in a database that is lost are back: erase them again with "mcpo-ts vault erase-user".`,
    'Everybody has to log in to the pages again, and setup links from before are invalid.',
    ...(staged.files.length === 0
      ? []
      : [`Files in the backup: ${staged.files.length}; "mcpo-ts restore ${file} --extract FOLDER" writes them.`]),
  );
  return done(
    `${rows} ${rows === 1 ? 'row' : 'rows'} of ${made} restored.\n`,
    notes.map((note) => `${note}\n`).join(''),
  );
}

function assertWhole(file: string, { unreadable = 0, end }: StagedBackup): void {
  if (unreadable <= end.unreadable) return;
  throw new BackupError(`The backup "${file}" has values that its own keys do not decrypt; nothing was changed.`);
}

async function isConfirmed(contents: string, flags: RestoreFlags, ask: typeof confirm): Promise<boolean> {
  if (flags.yes) return true;
  const answer = await ask(`Replace what is in the database (${contents})?`);
  if (answer !== undefined) return answer;
  throw new UsageError(`--replace would replace what is in the database (${contents}); add --yes if that is wanted.`);
}

/** A backup of what a restore replaces, in the data folder, for whoever can open the backup that is restored. */
async function copyBefore(
  database: Database,
  environment: Environment,
  { passphrase, identities }: BackupOpeners,
  now: number,
): Promise<string> {
  const { dataDir, databaseUrl } = environment.database;
  const lock: BackupLock =
    passphrase === undefined ? { recipients: await recipientsOf(identities ?? '') } : { passphrase };
  const name = `before-restore-${new Date(now).toISOString().slice(0, 19).replaceAll(':', '-')}Z.age`;
  const target = findTarget(join(dataDir, name), false, now);
  const keys = await readKeys(keySourcesOf(environment));
  const source = {
    database,
    facts: { createdAt: now, version: readVersion(), engine: databaseUrl === undefined ? 'SQLite' : 'PostgreSQL' },
    // Where the vault's keys are lost, the values are copied as they are.
    readKeys: keys.vault === undefined ? undefined : async () => keys,
    openFiles: async () => [],
  } as const;
  try {
    await writeBackup(source, async (plain) => void (await writeTarget(target, await encrypt(plain, lock))));
  } catch (error) {
    const reason = error instanceof ServiceError ? error.message : (errorCodeOf(error) ?? 'unknown error');
    throw new BackupError(
      `What the database has now could not be copied first: ${reason} Nothing was changed; --without-safety-copy restores without one.`,
      { cause: error },
    );
  }
  return join(dataDir, name);
}

async function extract(file: string, openers: BackupOpeners, folder: string): Promise<CommandResult> {
  const files = await extractFiles(file, openers, folder);
  const lines = files.map(({ name, path }) => `${join(folder, name)}${path === undefined ? '' : `  (was ${path})`}\n`);
  return done(lines.join(''), 'The database was not touched.\n');
}

function stagingOf(environment: Environment) {
  return { folder: environment.database.dataDir, vault: keySourcesOf(environment).vault };
}

function findOpeners({ identity }: VerifyFlags, { secrets }: Environment): BackupOpeners {
  const identities = identity === undefined ? secrets.MCPO_BACKUP_IDENTITY : readIdentity(identity);
  const passphrase = secrets.MCPO_BACKUP_PASSPHRASE;
  if (passphrase !== undefined || identities !== undefined) return { passphrase, identities };
  throw new UsageError(
    'A backup is encrypted: set MCPO_BACKUP_PASSPHRASE or MCPO_BACKUP_PASSPHRASE_FILE, or give --identity FILE with the AGE-SECRET-KEY-1… that it was made for.',
  );
}

function readIdentity(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`The identity "${file}" cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

function describe({ header, end, keys, keyIds, files, unreadable }: StagedBackup): readonly string[] {
  const tables = Object.entries(end.rows).filter(([, count]) => count > 0);
  const rows = tables.map(([table, count]) => `${table} ${count}`).join(', ') || 'none';
  const vault = keys.vault === undefined ? [] : [`vault (${keyIds.join(', ')})`];
  const audit = keys.audit === undefined ? [] : ['audit log'];
  const values = (end.rows.secrets ?? 0) + (end.rows.user_profiles ?? 0);
  const readable =
    unreadable === undefined
      ? `${values}, not checked: the keys are not in the backup`
      : `${values - unreadable} of ${values} can be decrypted`;
  return [
    `  made    ${toTimeText(header.createdAt)} by mcpo-ts ${header.version} from ${header.engine}, tables as of ${header.migrations.at(-1)}`,
    `  rows    ${rows}`,
    `  keys    ${[...vault, ...audit].join(', ') || 'none'}`,
    `  values  ${values === 0 ? 'none' : readable}`,
    `  files   ${files.map(({ folder, name, bytes }) => `${folder}/${name} (${bytes} bytes)`).join(', ') || 'none'}`,
  ];
}
