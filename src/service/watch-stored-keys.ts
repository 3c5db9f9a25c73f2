import type { AuditEvent } from '../audit/audit-event.ts';
import type { ApiKeyRing } from '../auth/api-key-ring.ts';
import type { ApiKeyRecord } from '../auth/auth-settings.ts';
import { type ApiKeyWatch, watchApiKeys } from '../auth/watch-api-keys.ts';
import type { LazyDatabase } from '../db/lazy-database.ts';
import type { Logger } from '../telemetry/logger.ts';

/**
 * Keeps the ring at what the database holds; changes of the keys are audited, also those of other processes. A database that cannot
 * be opened and in which no keys are known to lie, as in a read-only container, is not watched and locks nobody out.
 */
export async function watchStoredKeys(
  database: LazyDatabase,
  ring: ApiKeyRing,
  logger: Logger,
  record: (event: AuditEvent) => void,
  hasStoredKeys: boolean,
): Promise<ApiKeyWatch | undefined> {
  if (!hasStoredKeys && (await database.open()) === undefined) return undefined;
  const { ApiKeys } = await import('../db/api-keys.ts');
  // Asked for anew each time: a database that was away at first is used once it is there.
  const open = async () => new ApiKeys(await database.require());
  let known: readonly ApiKeyRecord[] | undefined;
  const list = async () => {
    const records = await (await open()).list();
    const before = known ?? records;
    // By hash: another key may have been made under the same name in between.
    for (const [action, changed] of [
      ['revoke', before.filter(({ hash }) => !records.some((one) => one.hash === hash))],
      ['create', records.filter(({ hash }) => !before.some((one) => one.hash === hash))],
    ] as const) {
      for (const { id } of changed) {
        record({ eventType: 'key_change', action, resource: `key/${id}`, result: 'success' });
      }
    }
    known = records;
    return records;
  };
  return watchApiKeys(
    {
      list,
      revision: async () => (await open()).revision(),
      markUsed: async (uses) => (await open()).markUsed(uses),
    },
    ring,
    logger,
  );
}
