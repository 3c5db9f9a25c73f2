import { isIdentifier } from '../auth/claims.ts';
import { parseUserId, type UserId } from '../auth/user.ts';
import type { VaultCommand } from '../config/admin-commands.ts';
import type { VaultKeySettings } from '../config/settings.ts';
import { openDatabase } from '../db/open-database.ts';
import { DatabaseError, ServiceError, UsageError } from '../errors.ts';
import { SecretStore } from '../vault/secret-store.ts';
import type { VaultKeySource } from '../vault/vault-key.ts';
import { backupVault, restoreVault } from './vault-backup.ts';
import { listSecrets } from './vault-list.ts';
import type { VaultCommandResult } from './vault-result.ts';
import { rotateKey } from './vault-rotation.ts';
import { eraseUser, exportUser } from './vault-user.ts';

export interface VaultCommandOptions {
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly vaultKey: VaultKeySettings;
  /** Milliseconds since the epoch. */
  readonly now?: number;
}

/**
 * `mcpo-ts vault list|export-user|erase-user|rotate-key|backup|restore`; none tells a value or a key. Throws
 * `UsageError` for what was asked wrongly, `ConfigError` for the vault's keys, `DatabaseError`.
 */
export async function vaultCommand(command: VaultCommand, options: VaultCommandOptions): Promise<VaultCommandResult> {
  const now = options.now ?? Date.now();
  const keySource: VaultKeySource = {
    ...options.vaultKey,
    dataDir: options.dataDir,
    hasSharedDatabase: options.databaseUrl !== undefined,
  };
  switch (command.action) {
    case 'list':
      return withStore(options, (store) => listSecrets(store, keySource, command));
    case 'export-user': {
      const owner = parseOwner(command.user);
      return withStore(options, (store) => exportUser(store, owner));
    }
    case 'erase-user': {
      const owner = parseOwner(command.user);
      return withStore(options, (store) => eraseUser(store, owner, now));
    }
    case 'rotate-key':
      return withStore(options, (store) => rotateKey(store, keySource, command, now));
    case 'backup':
      return withStore(options, (store) => backupVault(store, command.file, now));
    case 'restore':
      return withStore(options, (store) => restoreVault(store, keySource, command, now));
  }
}

function parseOwner(text: string): UserId {
  const owner = parseUserId(text);
  if (owner !== undefined && isIdentifier(owner.issuer) && isIdentifier(owner.subject)) return owner;
  throw new UsageError(
    `"${text}" is no user: give the id of a user of Open WebUI, or ISSUER:SUBJECT such as https://id.example.org:alice.`,
  );
}

async function withStore<Result>(
  { dataDir, databaseUrl }: VaultCommandOptions,
  use: (store: SecretStore) => Promise<Result>,
): Promise<Result> {
  const database = await openDatabase({ dataDir, databaseUrl });
  try {
    return await use(new SecretStore(database));
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    const reason = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new DatabaseError(`The secrets in the database cannot be read or changed${reason}.`, { cause: error });
  } finally {
    await database.destroy();
  }
}
