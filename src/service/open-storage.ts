import type { AuditAnchor } from '../audit/audit-anchor.ts';
import type { AuditEvent } from '../audit/audit-event.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ApiKeyRing } from '../auth/api-key-ring.ts';
import type { Persons } from '../auth/identity-evidence.ts';
import type { Secrets, Settings } from '../config/settings.ts';
import { LazyDatabase } from '../db/lazy-database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import type { Closers } from './closers.ts';
import type { EventNotes } from './count-events.ts';
import { Lazy } from './lazy.ts';
import { LazyVault } from './lazy-vault.ts';
import { createAuditAnchor } from './open-audit.ts';
import { openStoredKeys, type StoredKeys } from './stored-keys.ts';

/** A database that has fallen silent must not keep the service from ending; what was on its way then is lost. */
const CLOSE_MS = 3_000;

export interface StorageParts {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly ring: ApiKeyRing;
  readonly auditLog: AuditLog | undefined;
  readonly logger: Logger;
  readonly redactor: Redactor;
  readonly record: (event: AuditEvent) => void;
  readonly hasStoredKeys: boolean;
  readonly events: Pick<EventNotes, 'onStoreUse'>;
}

/** What is in the database; each part is opened when it is first needed. */
export interface Storage extends Persons {
  readonly database: LazyDatabase;
  readonly vault: LazyVault;
  /** `undefined` where the database cannot be opened. */
  readonly storedKeys: Lazy<StoredKeys | undefined>;
  /** `undefined` without an audit log. */
  readonly auditAnchor: Lazy<AuditAnchor | undefined>;
}

export function openStorage(parts: StorageParts, closers: Closers): Storage {
  const { settings, secrets, ring, auditLog, logger, redactor, record, hasStoredKeys } = parts;
  const { dataDir } = settings;
  const { databaseUrl, vaultKey } = secrets;
  const database = new LazyDatabase({ dataDir, databaseUrl }, logger);
  const vault = new LazyVault({
    database,
    keySource: { ...vaultKey, dataDir, hasSharedDatabase: databaseUrl !== undefined },
    settings,
    logger,
    redactor,
    linksIdentities: secrets.auth.identity.linkBy !== 'none',
    onStoreUse: parts.events.onStoreUse,
  });
  const persons = new Lazy(async () => {
    const { openPersons } = await import('./open-persons.ts');
    return openPersons({ vault, auth: secrets.auth, logger, record, isPseudonymous: settings.audit.pseudonymise });
  });
  const storedKeys = new Lazy(() => openStoredKeys(database, ring, logger, record, hasStoredKeys));
  const auditAnchor = new Lazy(async () => auditLog && createAuditAnchor(auditLog, database, databaseUrl, logger));
  const closeDatabase = async () => {
    await (await storedKeys.ifMade())?.stop();
    await vault.close();
    await database.close();
  };
  closers.add('database', closeDatabase, { withinMs: CLOSE_MS });
  const closeAnchor = async () => (await auditAnchor.ifMade())?.close();
  closers.add('anchor of the audit log', closeAnchor, { withinMs: CLOSE_MS });
  return {
    database,
    vault,
    storedKeys,
    auditAnchor,
    personOf: async (principal, identity) => (await persons.get()).personOf(principal, identity),
  };
}
