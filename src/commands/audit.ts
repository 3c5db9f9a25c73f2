import { verifyAuditLog } from '../audit/verify-audit-log.ts';
import { UsageError } from '../errors.ts';
import type { CommandResult } from './check.ts';

/**
 * `mcpo-ts audit verify FILE...`: tells whether the audit log is as the service wrote it, or the first place where it
 * is not. Throws `UsageError` for a file that cannot be read.
 */
export async function verifyAudit(files: readonly string[], masterKey: Buffer): Promise<CommandResult> {
  const { lines, firstSeq, lastSeq, notes, problem } = await verifyAuditLog(files, masterKey).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.path === undefined) throw error;
      throw new UsageError(`The audit log "${error.path}" cannot be read (${error.code ?? 'unknown error'}).`);
    },
  );
  const told = notes.map((note) => `note: ${note}\n`).join('');
  if (problem !== undefined) {
    const place = problem.line === undefined ? problem.file : `${problem.file}, line ${problem.line}`;
    return { text: `${told}NOT INTACT (${problem.kind}): ${place}: ${problem.message}\n`, exitCode: 1 };
  }
  const range = firstSeq === undefined || lastSeq === undefined ? '' : ` (${firstSeq} to ${lastSeq})`;
  const inFiles = files.length === 1 ? '1 file' : `${files.length} files`;
  return { text: `${told}OK: ${lines} ${lines === 1 ? 'entry' : 'entries'}${range} in ${inFiles}\n`, exitCode: 0 };
}
