import { UsageError } from '../errors.ts';
import { keyProblem } from '../key-file.ts';
import { readBackup, type VaultBackup, writeBackup } from '../vault/backup-file.ts';
import { isReadable } from '../vault/cipher.ts';
import type { Keyring } from '../vault/keyring.ts';
import type { SecretStore } from '../vault/secret-store.ts';
import { findKeyring, type VaultKeySource } from '../vault/vault-key.ts';
import { assertOwnKeyring } from '../vault/vault-keys.ts';
import { type CommandResult, countSecrets, done } from './command-result.ts';

/** Writes all secrets, encrypted as they are, to a new file. Throws `UsageError` if the file exists. */
export async function backupVault(store: SecretStore, file: string, now: number): Promise<CommandResult> {
  const secrets = await store.list();
  const keys = await store.keys();
  writeBackup(file, { keys, secrets }, now);
  const ids = [...new Set(secrets.map(({ keyId }) => keyId))];
  const needed =
    ids.length === 0 ? '' : ` It is useless without the vault's key (${ids.join(', ')}), which you keep elsewhere.`;
  return done(`${countSecrets(secrets.length)} written to ${file}.${needed}\n`);
}

/**
 * Restores the secrets of a backup, all or none; values that are set stay unless `replace`. Throws `ConfigError` when a
 * key is missing, `UsageError` for a file that is not a backup or was altered; nothing is changed then.
 */
export async function restoreVault(
  store: SecretStore,
  keySource: VaultKeySource,
  { file, replace }: { readonly file: string; readonly replace: boolean },
  now: number,
): Promise<CommandResult> {
  const backup = readBackup(file);
  const keyring = await findKeyring(keySource);
  assertReadable(backup, keyring, file);
  assertOwnKeyring(await store.keys(), keyring);
  const used = new Set(backup.secrets.map(({ keyId }) => keyId));
  for (const { id: keyId, check } of keyring.keys.values()) {
    if (used.has(keyId)) await store.addKey({ keyId, check, createdAt: now });
  }
  const restored = await store.restore(backup.secrets, replace, now);
  const kept = backup.secrets.length - restored;
  const skipped =
    kept === 0 ? '' : `${countSecrets(kept)} not restored: another value is set, and --replace was not given.\n`;
  return done(`${countSecrets(restored)} restored.\n${skipped}`);
}

function assertReadable({ keys, secrets }: VaultBackup, keyring: Keyring, file: string): void {
  const missing = new Set(secrets.map(({ keyId }) => keyId).filter((id) => !keyring.keys.has(id)));
  if (missing.size > 0) {
    throw keyProblem(
      keyring.setting,
      `the backup "${file}" was made with other keys; add those with the ids ${[...missing].join(', ')}. Nothing was changed.`,
    );
  }
  const altered = secrets.filter((row) => !isReadable(keyring, row));
  const [first] = altered;
  const isForeign = keys.some(
    ({ keyId, check }) => keyring.keys.has(keyId) && keyring.keys.get(keyId)?.check !== check,
  );
  if (first === undefined && !isForeign) return;
  const which = first === undefined ? 'its keys' : `${altered.length}, the first ${first.server}/${first.name}`;
  throw new UsageError(`The backup "${file}" was altered (${which}); nothing was changed.`);
}
