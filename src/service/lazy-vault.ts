import type { UserId } from '../auth/user.ts';
import type { LazyDatabase } from '../db/lazy-database.ts';
import { ConfigError, VaultUnavailableError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import { type DerivedKeyUse, deriveKeys, type Keyring } from '../vault/keyring.ts';
import { openVault, type SecretChangeListener, type Vault } from '../vault/vault.ts';
import { findKeyring, loadKeyring, type VaultKeySource } from '../vault/vault-key.ts';

export interface LazyVaultOptions {
  readonly database: LazyDatabase;
  readonly keySource: VaultKeySource;
  readonly keepsLastFour: boolean;
  readonly logger: Logger;
  readonly redactor: Redactor;
  /** Who has sessions now. */
  readonly sessionOwners: () => Iterable<UserId>;
  /** Called for every change of users' values once the vault is open. */
  readonly onChange: SecretChangeListener;
}

/** The vault with its keys, opened when it is first needed: a service without user variables needs no key for it. */
export class LazyVault {
  readonly #options: LazyVaultOptions;
  #keyring: Promise<Keyring> | undefined;
  #vault: Promise<Vault> | undefined;

  constructor(options: LazyVaultOptions) {
    this.#options = options;
  }

  /** Rejects with `ConfigError` when the vault was made with other keys, or none can be had. */
  open(): Promise<Vault> {
    this.#vault ??= this.#open().catch((error: unknown) => {
      this.#vault = undefined;
      throw error;
    });
    return this.#vault;
  }

  /** The same for calls: the reason is logged, and the caller gets `VaultUnavailableError` without it. */
  async openForCall(): Promise<Vault> {
    try {
      return await this.open();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#options.logger.error('the vault cannot be opened', { reason: error.message });
      throw new VaultUnavailableError('The vault cannot be opened; the log of the service says why.');
    }
  }

  /** Writes something down that may get lost where the vault cannot be opened. */
  note(write: (vault: Vault) => void): void {
    this.open().then(write, () => undefined);
  }

  /** 32 bytes for each of the vault's keys, the active one first. Rejects with `ConfigError`. */
  async derivedKeys(use: DerivedKeyUse): Promise<readonly Buffer[]> {
    return deriveKeys(await this.#keys(), use);
  }

  async close(): Promise<void> {
    await (await this.#vault?.catch(() => undefined))?.close();
  }

  async #open(): Promise<Vault> {
    const { database, keySource, keepsLastFour, logger, redactor, sessionOwners, onChange } = this.#options;
    const keyring = await this.#keys();
    const openStore = async () => {
      // With the query layer, which takes 13 ms to load.
      const { SecretStore } = await import('../vault/secret-store.ts');
      return new SecretStore(await database.require());
    };
    const reloadKeyring = () => findKeyring(keySource);
    const vault = await openVault({
      openStore,
      keyring,
      reloadKeyring,
      keepsLastFour,
      logger,
      redactor,
      sessionOwners,
    });
    vault.onChange(onChange);
    return vault;
  }

  #keys(): Promise<Keyring> {
    this.#keyring ??= this.#loadKeys().catch((error: unknown) => {
      this.#keyring = undefined;
      throw error;
    });
    return this.#keyring;
  }

  async #loadKeys(): Promise<Keyring> {
    return loadKeyring(this.#options.keySource, this.#options.logger);
  }
}
