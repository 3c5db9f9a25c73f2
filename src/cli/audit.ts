import { existsSync } from 'node:fs';
import { type AuditVerification, verifyAuditLog } from '../audit/verify-audit-log.ts';
import { AuditAnchors, auditLogName } from '../db/audit-anchors.ts';
import { databaseFile } from '../db/database-file.ts';
import { type Database, type DatabaseLocation, openDatabase } from '../db/open-database.ts';
import { UsageError } from '../errors.ts';
import type { CommandResult } from './command-result.ts';

/**
 * `mcpo-ts audit verify FILE...`: reports whether the audit log is as the service wrote it, or the first place where it
 * is not, also compared with its anchor in the database at `location`. Throws `UsageError` for a file that cannot
 * be read, `DatabaseError`.
 */
export async function verifyAudit(
  files: readonly string[],
  masterKey: Buffer,
  location: DatabaseLocation,
): Promise<CommandResult> {
  const database = await openExisting(location);
  try {
    const log = auditLogName(files.at(-1) ?? '', location);
    const anchors = database && new AuditAnchors(async () => database, log);
    return toResult(await verify(files, masterKey, anchors), files, (await anchors?.read()) !== undefined);
  } finally {
    await database?.destroy();
  }
}

/** `undefined` if there is no database; none is created. */
async function openExisting(location: DatabaseLocation): Promise<Database | undefined> {
  const isThere = location.databaseUrl !== undefined || existsSync(databaseFile(location.dataDir));
  return isThere ? openDatabase(location) : undefined;
}

async function verify(
  files: readonly string[],
  masterKey: Buffer,
  anchors: AuditAnchors | undefined,
): Promise<AuditVerification> {
  try {
    return await verifyAuditLog(files, masterKey, anchors);
  } catch (error) {
    const { path, code } = error as NodeJS.ErrnoException;
    if (path === undefined) throw error;
    const anchor = code === 'ENOENT' ? await anchors?.read() : undefined;
    if (anchor === undefined) {
      throw new UsageError(`The audit log "${path}" cannot be read (${code ?? 'unknown error'}).`);
    }
    const message = `the file is missing, and the database knows of ${anchor.seq} entries of this log.`;
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
