import { messageOf, VaultUnavailableError } from '../errors.ts';
import { keyProblem } from '../key-file.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Keyring } from './keyring.ts';
import type { VaultKeyRow } from './secret-rows.ts';
import type { Store } from './secret-store.ts';

const RELOAD_MS = 1_000;

export interface VaultKeysOptions {
  readonly store: Pick<Store, 'keys' | 'addKey' | 'countByKey'>;
  readonly keyring: Keyring;
  readonly reloadKeyring: (() => Promise<Keyring>) | undefined;
  readonly logger: Logger;
  readonly now: () => number;
}

/** The ring in use: checked against the database before it is used, and read again after a rotation. */
export class VaultKeys {
  readonly #options: VaultKeysOptions;
  #keyring: Keyring;
  #isProved = false;
  #hasRefused = false;
  #reloadedAt = Number.NEGATIVE_INFINITY;

  constructor(options: VaultKeysOptions) {
    this.#options = options;
    this.#keyring = options.keyring;
  }

  /**
   * Compares the ring with the vault at the start, and logs which secrets it does not open. Rejects with `ConfigError` for
   * a ring that is not the vault's, `VaultUnavailableError`.
   */
  async prove(): Promise<void> {
    const { store, logger } = this.#options;
    assertOwnKeyring(await store.keys(), this.#keyring);
    this.#isProved = true;
    const unknown = [...(await store.countByKey())].filter(([id]) => !this.#keyring.keys.has(id));
    if (unknown.length === 0) return;
    const message =
      'secrets are encrypted with keys that were not given; they are not deleted, but cannot be read without them';
    const secrets = unknown.reduce((sum, [, count]) => sum + count, 0);
    logger.warn(message, { secrets, keys: unknown.map(([id]) => id).join() });
  }

  /** The ring to read rows under these keys with; read again where it lacks one of them. */
  async forReading(keyIds: Iterable<string>): Promise<Keyring> {
    const isComplete = [...keyIds].every((id) => this.#keyring.keys.has(id));
    if (!isComplete || !this.#isProved) await this.#useRing(await this.#options.store.keys());
    return this.#keyring;
  }

  /** The ring to write with; its active key has left its check value in the database. */
  async forWriting(): Promise<Keyring> {
    const { store, now } = this.#options;
    const stored = await store.keys();
    await this.#useRing(stored);
    const keyring = this.#keyring;
    const { id: keyId, check } = keyring.active;
    if (stored.some((key) => key.keyId === keyId)) return keyring;
    await store.addKey({ keyId, check, createdAt: now() });
    return keyring;
  }

  /** Compares the ring with the vault's keys again. Rejects with `VaultUnavailableError`: the service runs already. */
  async #useRing(stored: readonly VaultKeyRow[]): Promise<void> {
    if (stored.some(({ keyId }) => !this.#keyring.keys.has(keyId))) await this.#reload(stored);
    try {
      assertOwnKeyring(stored, this.#keyring);
      this.#isProved = true;
    } catch (error) {
      if (!this.#hasRefused) this.#options.logger.error('the vault stays closed', { reason: messageOf(error) });
      this.#hasRefused = true;
      throw new VaultUnavailableError('The vault is closed because its key is missing; ask the admin.');
    }
  }

  async #reload(stored: readonly VaultKeyRow[]): Promise<void> {
    const { reloadKeyring, logger, now } = this.#options;
    if (reloadKeyring === undefined || now() - this.#reloadedAt < RELOAD_MS) return;
    this.#reloadedAt = now();
    try {
      const keyring = await reloadKeyring();
      const ids = [...keyring.keys.keys()].join();
      if (ids === [...this.#keyring.keys.keys()].join()) return;
      assertOwnKeyring(stored, keyring);
      this.#keyring = keyring;
      logger.info("the vault's keys were read again", { keys: ids });
    } catch (error) {
      logger.error("the vault's keys could not be read again; the previous ones stay in use", {
        reason: messageOf(error),
      });
    }
  }
}

/**
 * Compares a ring with the check values that the vault's keys left in the database. Throws `ConfigError` when none of
 * the vault's keys is in the ring, or one only pretends to be.
 */
export function assertOwnKeyring(stored: readonly VaultKeyRow[], keyring: Keyring): void {
  const known = stored.filter(({ keyId }) => keyring.keys.has(keyId));
  const isProved = known.every(({ keyId, check }) => check === keyring.keys.get(keyId)?.check);
  if (stored.length === 0 || (known.length > 0 && isProved)) return;
  const ids = stored.map(({ keyId }) => keyId).join(', ');
  throw keyProblem(
    keyring.setting,
    `the vault was made with another key; give that one (key id ${ids}), or start with an empty database and put a backup of this key's vault into it with "mcpo-ts restore".`,
  );
}
