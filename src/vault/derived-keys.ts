import { deriveKey, type Keyring } from './keyring.ts';

/** What is protected with keys of the vault's ring beside its secrets. */
export type DerivedKeyUse = 'cookies' | 'signing';

/**
 * 32 bytes for each key of the ring (HKDF-SHA-256): the first makes, all check, so that what was made before a
 * rotation holds for as long as the old key is in the ring.
 */
export function deriveKeys(keyring: Keyring, use: DerivedKeyUse): readonly Buffer[] {
  return [...keyring.keys.values()].map(({ master }) => deriveKey(master, use));
}
