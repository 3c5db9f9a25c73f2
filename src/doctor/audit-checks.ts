import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { auditLogName, openAnchor } from '../audit/audit-anchor.ts';
import { deriveAuditKeys, findAuditKey } from '../audit/audit-keys.ts';
import { verifyAuditLog } from '../audit/verify-audit-log.ts';
import { peekDatabase } from '../db/peek-database.ts';
import { ConfigError } from '../errors.ts';
import { type Check, type Finding, notApplicable, ok, problem, unknown, warning } from './check.ts';
import type { Subject } from './subject.ts';

/** A few seconds of work. */
const MAX_VERIFIED_BYTES = 256 * 1024 * 1024;

export const auditChecks: readonly Check[] = [
  {
    id: 'audit-log',
    group: 'audit',
    title: 'Calls and log-ins are recorded',
    worst: 'warning',
    run: ({ settings: { audit } }) =>
      audit.file === undefined
        ? [warning('There is no audit log.', 'Set SECURITY_LOG_FILE to a file on a volume, such as /data/audit.log.')]
        : ok(`They are recorded in ${audit.file}.`),
  },
  {
    id: 'audit-required',
    group: 'audit',
    title: 'Calls that cannot be recorded are refused',
    worst: 'warning',
    run: ({ settings: { audit } }) => {
      if (audit.file === undefined) return notApplicable('There is no audit log.');
      if (audit.required) return ok('"audit.required" is on.');
      return [
        warning(
          'With a full disk, calls go on without a record.',
          'Set "audit": {"required": true} in the servers file, if a missing record is worse than a missing answer.',
        ),
      ];
    },
  },
  {
    id: 'audit-retention',
    group: 'audit',
    title: 'The audit log is kept for a known time',
    worst: 'warning',
    run: ({ settings: { audit } }) => {
      if (audit.file === undefined) return notApplicable('There is no audit log.');
      if (audit.retentionDays !== undefined) return ok(`${audit.retentionDays} days.`);
      const message = 'The audit log grows for ever, unless another program rotates it.';
      return [warning(message, 'Set "audit": {"retentionDays": 90} in the servers file, or use logrotate.')];
    },
  },
  {
    id: 'audit-chain',
    group: 'audit',
    title: 'The audit log is as the service wrote it',
    worst: 'problem',
    run: checkChain,
  },
];

async function checkChain(subject: Subject): Promise<readonly Finding[]> {
  const { settings, environment, dataDir } = subject;
  const { file } = settings.audit;
  if (file === undefined) return notApplicable('There is no audit log.');
  const files = [...rotatedFiles(file), file];
  const verified = sizeOf(files) <= MAX_VERIFIED_BYTES ? files : [file];
  const byHand = `Run: mcpo-ts audit verify ${files.join(' ')}`;
  if (sizeOf(verified) > MAX_VERIFIED_BYTES) return [unknown(`${file} is too long to be verified here.`, byHand)];
  try {
    const keys = deriveAuditKeys(findAuditKey({ value: environment.secrets.MCPO_AUDIT_KEY, dataDir }));
    // Before the lines: while the service continues writing, there are more of them than the anchor says, never fewer.
    const row = await readAnchorRow(file, subject);
    if (row === undefined && !existsSync(file)) return notApplicable(`${file} does not exist yet.`);
    const anchor = openAnchor(row, keys);
    const { lines, problem: found } = await verifyAuditLog(verified, keys, anchor);
    if (found === undefined) return ok(`${lines} ${lines === 1 ? 'entry' : 'entries'} in ${files.join(', ')}.`);
    const place = found.line === undefined ? found.file : `${found.file}, line ${found.line}`;
    return [
      problem(
        `${place}: ${found.message}`,
        'Keep the files, and find out who could write them; docs/operating.md says how.',
      ),
    ];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      return [problem(`${file} is missing, and the database knows of it.`, 'Find out who removed it.')];
    const reason = error instanceof ConfigError ? error.message : (code ?? 'unknown error');
    return [
      unknown(`${file} cannot be verified: ${reason}`, 'Run this as the user of the service, with its environment.'),
    ];
  }
}

/** Files that the service or logrotate has renamed, oldest first. */
function rotatedFiles(file: string): readonly string[] {
  const prefix = `${basename(file)}.`;
  try {
    const dated = readdirSync(dirname(file)).filter(
      (name) => name.startsWith(prefix) && /^\d{4}-?\d{2}-?\d{2}(\.\d+)?$/.test(name.slice(prefix.length)),
    );
    return dated.sort().map((name) => join(dirname(file), name));
  } catch {
    return [];
  }
}

function sizeOf(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
}

const anchorRows = z.array(z.object({ seq: z.coerce.number(), hmac: z.string(), mac: z.string() }));

/** Without the query layer, which would bring the tables up to date. */
async function readAnchorRow(file: string, { environment: { database } }: Subject) {
  const name = auditLogName(file, database.databaseUrl).replaceAll("'", "''");
  const [row] = anchorRows.parse(
    await peekDatabase(database, `select seq, hmac, mac from audit_anchors where log = '${name}'`),
  );
  return row;
}
