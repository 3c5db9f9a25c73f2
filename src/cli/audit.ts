import { existsSync } from 'node:fs';
import { auditLogName, readAnchor } from '../audit/audit-anchor.ts';
import type { ChainState, Found } from '../audit/audit-chain.ts';
import { type AuditKeys, deriveAuditKeys, findAuditKey } from '../audit/audit-keys.ts';
import { type AuditVerification, verifyAuditLog } from '../audit/verify-audit-log.ts';
import type { Environment } from '../config/environment.ts';
import { databaseFile } from '../db/database-file.ts';
import { type DatabaseLocation, openDatabase } from '../db/open-database.ts';
import { UsageError } from '../errors.ts';
import type { CommandResult } from './command-result.ts';

/**
 * `mcpo-ts audit verify FILE...`: reports whether the audit log is as the service wrote it, or the first place where it
 * is not, also compared with its anchor in the database. Throws `UsageError` for a file that cannot
 * be read, `ConfigError` for the key, `DatabaseError`.
 */
export async function verifyAudit(
  files: readonly string[],
  { secrets, database: location }: Pick<Environment, 'secrets' | 'database'>,
): Promise<CommandResult> {
  const keys = deriveAuditKeys(findAuditKey({ value: secrets.MCPO_AUDIT_KEY, dataDir: location.dataDir }));
  // Before the lines: while the service continues writing, there are more of them than the anchor says, never fewer.
  const anchor = await readLogAnchor(files.at(-1) ?? '', keys, location);
  return toResult(await verify(files, keys, anchor), files, anchor.kind !== 'missing');
}

/** `missing` where there is no database; none is created. */
async function readLogAnchor(file: string, keys: AuditKeys, location: DatabaseLocation): Promise<Found<ChainState>> {
  const isThere = location.databaseUrl !== undefined || existsSync(databaseFile(location.dataDir));
  if (!isThere) return { kind: 'missing' };
  const database = await openDatabase(location);
  try {
    return await readAnchor(database, auditLogName(file, location.databaseUrl), keys);
  } finally {
    await database.destroy();
  }
}

async function verify(
  files: readonly string[],
  keys: AuditKeys,
  anchor: Found<ChainState>,
): Promise<AuditVerification> {
  try {
    return await verifyAuditLog(files, keys, anchor);
  } catch (error) {
    const { path, code } = error as NodeJS.ErrnoException;
    if (path === undefined) throw error;
    if (code !== 'ENOENT' || anchor.kind === 'missing') {
      throw new UsageError(`The audit log "${path}" cannot be read (${code ?? 'unknown error'}).`);
    }
    const entries = anchor.kind === 'found' ? `${anchor.state.seq} entries` : 'entries';
    const message = `the file is missing, and the database knows of ${entries} of this log.`;
    const problem = { kind: 'deleted', file: path, line: undefined, message } as const;
    return { lines: 0, firstSeq: undefined, lastSeq: undefined, notes: [], problem };
  }
}

function toResult(
  { lines, firstSeq, lastSeq, notes, problem }: AuditVerification,
  files: readonly string[],
  hasAnchor: boolean,
): CommandResult {
  const withoutAnchor = hasAnchor
    ? []
    : ['the database has no record of a log at this path; only the files were checked.'];
  const noteLines = [...notes, ...withoutAnchor].map((note) => `note: ${note}\n`).join('');
  if (problem !== undefined) {
    const place = problem.line === undefined ? problem.file : `${problem.file}, line ${problem.line}`;
    return { text: `${noteLines}NOT INTACT (${problem.kind}): ${place}: ${problem.message}\n`, exitCode: 1 };
  }
  const range = firstSeq === undefined || lastSeq === undefined ? '' : ` (${firstSeq} to ${lastSeq})`;
  const inFiles = files.length === 1 ? '1 file' : `${files.length} files`;
  return { text: `${noteLines}OK: ${lines} ${lines === 1 ? 'entry' : 'entries'}${range} in ${inFiles}\n`, exitCode: 0 };
}
