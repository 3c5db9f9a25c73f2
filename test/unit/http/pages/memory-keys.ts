import type { ApiKeyRing } from '../../../../src/auth/api-key-ring.ts';
import type { ApiKeyRecord } from '../../../../src/auth/auth-settings.ts';
import { VaultUnavailableError } from '../../../../src/errors.ts';
import type { KeyStore } from '../../../../src/http/admin/admin-keys.ts';

/** The stored API keys, in memory. */
export class MemoryKeys implements KeyStore {
  readonly records = new Map<string, ApiKeyRecord>();
  isAway = false;
  readonly #ring: ApiKeyRing;

  constructor(ring: ApiKeyRing) {
    this.#ring = ring;
  }

  async list() {
    if (this.isAway) throw new VaultUnavailableError('The keys are away.');
    return [...this.records.values()];
  }

  async create(key: ApiKeyRecord) {
    if (this.records.has(key.id)) return false;
    this.records.set(key.id, key);
    this.#ring.replace('database', await this.list());
    return true;
  }

  async revoke(id: string) {
    const isRevoked = this.records.delete(id);
    this.#ring.replace('database', await this.list());
    return isRevoked;
  }
}
