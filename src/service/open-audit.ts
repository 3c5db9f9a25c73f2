import type { AuditAnchor } from '../audit/audit-anchor.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Secrets, Settings } from '../config/settings.ts';
import type { LazyDatabase } from '../db/lazy-database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';

/** Opens the audit log where the settings name a file. Rejects with `ConfigError`. */
export async function openAudit(
  { audit, dataDir }: Settings,
  { auditKey }: Secrets,
  logger: Logger,
  redactor: Redactor,
): Promise<AuditLog | undefined> {
  if (audit.file === undefined) return undefined;
  const { openAuditLog } = await import('../audit/audit-log.ts');
  const { loadAuditKey } = await import('../audit/audit-key.ts');
  const key = loadAuditKey({ value: auditKey, file: undefined, dataDir }, logger);
  return openAuditLog({ ...audit, file: audit.file, key, logger, redact: (...text) => redactor.redact(...text) });
}

export interface AuditAnchorParts {
  readonly database: LazyDatabase;
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly logger: Logger;
}

/** Makes the anchor of an open audit log, in the service's database. */
export async function createAuditAnchor(log: AuditLog, parts: AuditAnchorParts): Promise<AuditAnchor> {
  const { database, settings, secrets, logger } = parts;
  const [{ AuditAnchor }, { AuditAnchors, auditLogName }, { findAuditKey }] = await Promise.all([
    import('../audit/audit-anchor.ts'),
    import('../db/audit-anchors.ts'),
    import('../audit/audit-key.ts'),
  ]);
  const open = async () => {
    const opened = await database.open();
    if (opened === undefined) throw new Error('the database cannot be opened');
    return opened;
  };
  const name = auditLogName(settings.audit.file ?? '', { databaseUrl: secrets.databaseUrl });
  const key = findAuditKey({ value: secrets.auditKey, file: undefined, dataDir: settings.dataDir });
  return new AuditAnchor(log, new AuditAnchors(open, name), key, logger);
}
