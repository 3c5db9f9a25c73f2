import { existsSync } from 'node:fs';
import { z } from 'zod';
import type { Environment } from '../config/environment.ts';
import { type Settings, vaultKeyOf } from '../config/settings.ts';
import { peekDatabase } from '../db/peek-database.ts';
import { DatabaseError } from '../errors.ts';
import { findKeyring, ownKeyFile } from '../vault/vault-key.ts';
import { assertOwnKeyring } from '../vault/vault-keys.ts';

const keyRows = z.array(
  z
    .object({ key_id: z.string(), check_value: z.string() })
    .transform((row) => ({ keyId: row.key_id, check: row.check_value, createdAt: 0 })),
);

/**
 * Checks that the vault's keys can be read and are those that its secrets were encrypted with, without creating any.
 * Rejects with `ConfigError`, or `DatabaseError` for a database that cannot be read.
 */
export async function checkVaultKey(
  { servers }: Pick<Settings, 'servers'>,
  environment: Pick<Environment, 'values' | 'secrets' | 'variables' | 'database'>,
): Promise<void> {
  const { dataDir, databaseUrl } = environment.database;
  const source = { ...vaultKeyOf(environment), dataDir, hasSharedDatabase: databaseUrl !== undefined };
  const isGiven = source.value !== undefined || source.file !== undefined;
  const ownFile = ownKeyFile(source);
  const hasOwnFile = ownFile !== undefined && existsSync(ownFile);
  const stored = await readStoredKeys(environment.database);
  const isNeeded = stored.length > 0 || (ownFile === undefined && servers.some(({ userVars }) => userVars.size > 0));
  // Without a database, the first start makes one.
  if (isGiven || hasOwnFile || isNeeded) assertOwnKeyring(stored, await findKeyring(source));
}

async function readStoredKeys(database: Environment['database']) {
  try {
    return keyRows.parse(await peekDatabase(database, 'select key_id, check_value from vault_keys order by key_id'));
  } catch (error) {
    throw new DatabaseError("The database cannot be read, so the vault's key cannot be checked.", { cause: error });
  }
}
