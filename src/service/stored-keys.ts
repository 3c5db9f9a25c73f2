import type { AuditEvent } from '../audit/audit-event.ts';
import type { ApiKeyRing } from '../auth/api-key-ring.ts';
import type { ApiKeyRecord } from '../auth/auth-settings.ts';
import { watchApiKeys } from '../auth/watch-api-keys.ts';
import type { LazyDatabase } from '../db/lazy-database.ts';
import type { Logger } from '../telemetry/logger.ts';

/** The API keys in the database, which the ring follows. The first three reject with the database's own error. */
export interface StoredKeys {
  list(): Promise<readonly ApiKeyRecord[]>;
  /** Stores a new key, which is in the ring when this resolves; `false` if the id is taken. */
  create(key: ApiKeyRecord): Promise<boolean>;
  /** Deletes a key, which is no longer in the ring when this resolves; `false` if there is none. */
  revoke(id: string): Promise<boolean>;
  /** Ends following them. */
  stop(): Promise<void>;
}

/**
 * Keeps the ring at what the database holds; changes that others make are audited here, those made here by whoever asks
 * for them. `undefined` where the database cannot be opened and no keys are known to be in it, as in a read-only
 * container: it is not watched and locks nobody out.
 */
export async function openStoredKeys(
  database: LazyDatabase,
  ring: ApiKeyRing,
  logger: Logger,
  record: (event: AuditEvent) => void,
  hasStoredKeys: boolean,
): Promise<StoredKeys | undefined> {
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
  const watch = await watchApiKeys(
    {
      list,
      revision: async () => (await open()).revision(),
      markUsed: async (uses) => (await open()).markUsed(uses),
    },
    ring,
    logger,
  );
  return {
    list: async () => (await open()).list(),
    async create(key) {
      const isStored = await (await open()).create(key);
      if (isStored) known = known && [...known, key];
      await watch.look();
      return isStored;
    },
    async revoke(id) {
      const isRevoked = await (await open()).revoke(id);
      if (isRevoked) known = known?.filter((one) => one.id !== id);
      await watch.look();
      return isRevoked;
    },
    stop: () => watch.stop(),
  };
}
