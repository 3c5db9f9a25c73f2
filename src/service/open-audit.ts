import { AuditAnchor, auditLogName } from '../audit/audit-anchor.ts';
import { loadAuditKey } from '../audit/audit-keys.ts';
import { AuditLog } from '../audit/audit-log.ts';
import type { Secrets, Settings } from '../config/settings.ts';
import type { LazyDatabase } from '../db/lazy-database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';

/** Opens the audit log where the settings name a file. Rejects with `ConfigError`. */
export function openAudit(
  { audit, dataDir }: Settings,
  { auditKey }: Secrets,
  logger: Logger,
  redactor: Redactor,
): Promise<AuditLog> | undefined {
  if (audit.file === undefined) return undefined;
  const key = loadAuditKey({ value: auditKey, dataDir }, logger);
  return AuditLog.open({ ...audit, file: audit.file, key, logger, redact: (...text) => redactor.redact(...text) });
}

/** Makes the anchor of an open audit log, in the service's database. */
export function createAuditAnchor(
  log: AuditLog,
  database: LazyDatabase,
  databaseUrl: string | undefined,
  logger: Logger,
): AuditAnchor {
  return new AuditAnchor(log, auditLogName(log.file, databaseUrl), () => database.require(), logger);
}
