import { VaultUnavailableError } from '../errors.ts';
import { StoredVault, type VaultOptions } from './stored-vault.ts';
import type { Vault } from './vault.ts';

/**
 * Opens the vault. Rejects with `ConfigError` when it was made with other keys than these; where the database is away
 * that is found out when it is back, and until then whatever needs it rejects with `VaultUnavailableError`.
 */
export async function openVault(options: VaultOptions): Promise<Vault> {
  const vault = new StoredVault(options);
  try {
    await vault.proveKeys();
  } catch (error) {
    if (!(error instanceof VaultUnavailableError)) throw error;
  }
  return vault;
}
