import type { UserTokenSigner } from '../auth/user-token-signer.ts';
import type { Settings } from '../config/settings.ts';
import type { LazyDatabase } from '../db/lazy-database.ts';
import { ConfigError, KeyServiceError, VaultUnavailableError } from '../errors.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import { guardStore } from '../vault/guarded-store.ts';
import type { IdentityRegister } from '../vault/identity-store.ts';
import { type DerivedKeyUse, deriveKeys, type Keyring } from '../vault/keyring.ts';
import type { PageSessionRegister } from '../vault/page-session-store.ts';
import { Vault, type VaultOptions } from '../vault/vault.ts';
import { findKeyring, loadKeyring, type VaultKeySource } from '../vault/vault-key.ts';
import { Lazy } from './lazy.ts';

export interface LazyVaultOptions {
  readonly database: LazyDatabase;
  readonly keySource: VaultKeySource;
  readonly settings: Pick<Settings, 'vault' | 'publicUrl'>;
  readonly logger: Logger;
  readonly redactor: Redactor;
  /** Called after each operation on the secrets and links in the database. */
  readonly onStoreUse?: VaultOptions['onStoreUse'];
  /** Identities may be linked: a person has values under one of them. */
  readonly linksIdentities: boolean;
}

/** The vault with its keys, opened when it is first needed: a service without user variables needs no key for it. */
export class LazyVault {
  readonly #options: LazyVaultOptions;
  readonly #keyring: Lazy<Keyring>;
  readonly #vault: Lazy<Vault>;
  readonly #tokenSigner: Lazy<UserTokenSigner>;
  #sessions: Pick<ServerRegistry, 'list' | 'endOwned'> | undefined;

  constructor(options: LazyVaultOptions) {
    const { keySource, logger, settings } = options;
    this.#options = options;
    this.#keyring = new Lazy(() => loadKeyring(keySource, logger));
    this.#vault = new Lazy(() => this.#open());
    this.#tokenSigner = new Lazy(async () => {
      // With jsonwebtoken, 12 ms of each start.
      const { UserTokenSigner } = await import('../auth/user-token-signer.ts');
      return new UserTokenSigner(await this.derivedKeys('signing'), settings.publicUrl ?? 'mcpo-ts');
    });
  }

  /** From here on, sessions of these servers end when their user's values change. To be called before it is opened. */
  endSessionsOf(servers: Pick<ServerRegistry, 'list' | 'endOwned'>): void {
    this.#sessions = servers;
  }

  /** Rejects with `ConfigError` when the vault was made with other keys, or none can be had. */
  open(): Promise<Vault> {
    return this.#vault.get();
  }

  /** The same for calls: the reason is logged, and the caller gets `VaultUnavailableError` without it. */
  async openForCall(): Promise<Vault> {
    try {
      return await this.open();
    } catch (error) {
      if (!(error instanceof ConfigError || error instanceof KeyServiceError)) throw error;
      this.#options.logger.error('the vault cannot be opened', { reason: error.message });
      throw new VaultUnavailableError('The vault cannot be opened; the log of the service says why.');
    }
  }

  /** Writes something down that may get lost where the vault cannot be opened. */
  note(write: (vault: Vault) => void): void {
    this.open().then(write, () => undefined);
  }

  /** The log-ins of the pages; their methods reject with `VaultUnavailableError` while the database is away. */
  pageSessions(): PageSessionRegister {
    const { database, logger } = this.#options;
    return guardStore<PageSessionRegister>(async () => {
      const { PageSessionStore } = await import('../vault/page-session-store.ts');
      return new PageSessionStore(await database.require());
    }, logger);
  }

  /** Which identities are one person; its methods reject with `VaultUnavailableError` while the database is away. */
  identities(): IdentityRegister {
    const { database, logger } = this.#options;
    return guardStore<IdentityRegister>(async () => {
      const { IdentityStore } = await import('../vault/identity-store.ts');
      return new IdentityStore(await database.require());
    }, logger);
  }

  /** 32 bytes for each of the vault's keys, the active one first. Rejects with `ConfigError`. */
  async derivedKeys(use: DerivedKeyUse): Promise<readonly Buffer[]> {
    return deriveKeys(await this.#keyring.get(), use);
  }

  /** Signs the service's tokens about users. Rejects with `ConfigError`. */
  tokenSigner(): Promise<UserTokenSigner> {
    return this.#tokenSigner.get();
  }

  async close(): Promise<void> {
    await (await this.#vault.ifMade())?.close();
  }

  async #open(): Promise<Vault> {
    const { database, keySource, settings, logger, redactor } = this.#options;
    const sessions = this.#sessions;
    const identities = this.#options.linksIdentities ? this.identities() : undefined;
    const vault = await Vault.open({
      personOf: identities && (async (owner) => (await identities.personOf(owner)).id),
      openStore: async () => {
        // With the query layer, which takes 13 ms to load.
        const { SecretStore } = await import('../vault/secret-store.ts');
        return new SecretStore(await database.require());
      },
      keyring: await this.#keyring.get(),
      reloadKeyring: () => findKeyring(keySource),
      onStoreUse: this.#options.onStoreUse,
      ...settings.vault,
      logger,
      redactor,
      sessionOwners: () =>
        (sessions?.list() ?? []).flatMap((server) => server.generations.sessions().flatMap(({ owner }) => owner ?? [])),
    });
    vault.onChange((owner, server) => void sessions?.endOwned(owner, server));
    return vault;
  }
}
