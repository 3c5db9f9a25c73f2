import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { KEY_BYTES, keyProblem } from '../key-file.ts';

const ID_CHARACTERS = 16;
const KEY_RULE = 'it must be 32 random bytes as base64, such as "openssl rand -base64 32" prints';

/** One key of the ring. The bytes that were given are used for nothing but to derive from. */
interface VaultKey {
  /** Names the key beside what it wrapped; says nothing of the key itself. */
  readonly id: string;
  /** Is stored in the database and proves that a key is the one of that id. */
  readonly check: string;
  /** AES-256: wraps the data keys of the secrets. */
  readonly wrapping: KeyObject;
  readonly master: KeyObject;
}

/** The vault's key-encryption keys: one writes, all read. */
export interface Keyring {
  readonly active: VaultKey;
  /** By id, the active one first. */
  readonly keys: ReadonlyMap<string, VaultKey>;
  /** The setting that the keys came from, for messages. */
  readonly setting: string;
}

/** Reads keys as base64, separated by commas, the one that writes first. Throws `ConfigError` that reveals none. */
export function parseKeyring(text: string, setting: string): Keyring {
  const parts = text.split(',').map((part) => part.trim());
  const keys = new Map<string, VaultKey>();
  let active: VaultKey | undefined;
  for (const [index, part] of parts.entries()) {
    const which = parts.length === 1 ? 'it' : `key ${index + 1} of ${parts.length}`;
    const bytes = decodeKey(part);
    if (bytes === undefined) throw keyProblem(setting, `${which} is not a key of the vault: ${KEY_RULE}.`);
    const key = createVaultKey(bytes);
    bytes.fill(0);
    if (keys.has(key.id)) throw keyProblem(setting, `${which} is given twice; remove one of them.`);
    keys.set(key.id, key);
    active ??= key;
  }
  if (active === undefined) throw keyProblem(setting, `contains no key of the vault: ${KEY_RULE}.`);
  return { active, keys, setting };
}

/** Derives what the vault uses of a key of 32 bytes (HKDF-SHA-256, RFC 5869). */
function createVaultKey(bytes: Buffer): VaultKey {
  const master = createSecretKey(bytes);
  return {
    id: createHmac('sha256', deriveKey(master, 'id')).update('mcpo-ts vault key').digest('hex').slice(0, ID_CHARACTERS),
    check: deriveKey(master, 'check').toString('base64url'),
    wrapping: createSecretKey(deriveKey(master, 'wrapping')),
    master,
  };
}

/** 32 bytes for one use, which reveal neither the key nor those for other uses. */
function deriveKey(master: KeyObject, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', master, '', `mcpo-ts vault ${use} v1`, KEY_BYTES));
}

/** What is protected with keys of the vault's ring beside its secrets. */
export type DerivedKeyUse = 'cookies' | 'signing';

/**
 * 32 bytes for each key of the ring: the first makes, all check, so that what was made before a rotation holds for as
 * long as the old key is in the ring.
 */
export function deriveKeys(keyring: Keyring, use: DerivedKeyUse): readonly Buffer[] {
  return [...keyring.keys.values()].map(({ master }) => deriveKey(master, use));
}

/** `undefined` unless it is the one spelling of 32 bytes as base64, of either alphabet. */
function decodeKey(text: string): Buffer | undefined {
  if (!/^[\w+/-]{43}=?$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  const plain = text.replaceAll('+', '-').replaceAll('/', '_').replace('=', '');
  return bytes.length === KEY_BYTES && bytes.toString('base64url') === plain ? bytes : undefined;
}
