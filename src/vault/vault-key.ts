import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { generateKey, keyProblem, openKeyFile, readKeyText } from '../key-file.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { KeyService } from './key-service.ts';
import { type Keyring, parseKeyring } from './keyring.ts';

const FILE_NAME = 'vault.key';

export interface VaultKeySource {
  /** `MCPO_VAULT_KEY`: 32 bytes as base64 each, separated by commas. */
  readonly value: string | undefined;
  /** `MCPO_VAULT_KEY_FILE`: a file that holds the same. */
  readonly file: string | undefined;
  /** Where a key is made if none is given. */
  readonly dataDir: string;
  /** With PostgreSQL the replicas must share the keys, so none is made. */
  readonly hasSharedDatabase: boolean;
  /** Unwraps keys that are kept wrapped by a KMS; `undefined` where none can be. */
  readonly keyService?: KeyService | undefined;
}

/** A keyring as it is kept: keys as base64, or wrapped by a KMS, separated by commas. */
interface KeyText {
  readonly text: string;
  /** The setting that it came from, for messages. */
  readonly setting: string;
}

/**
 * The vault's keys: as given, else those in the data folder, where one is made on the first start, wrapped if a KMS is
 * configured. Rejects with `ConfigError` for a key that is none, that others may read, or that must be given and is not;
 * with `KeyServiceError` where the KMS does not unwrap it.
 */
export async function loadKeyring(source: VaultKeySource, logger: Logger): Promise<Keyring> {
  const given = givenText(source);
  if (given !== undefined) return toKeyring(given, source);
  const file = vaultKeyFile(source.dataDir);
  const message = 'a key for the vault was made; keep a copy of it elsewhere, without it no secret can be read';
  const newKey = existsSync(file) ? '' : await createKeyText(source);
  const text = openKeyFile(file, newKey, () => logger.info(message, { file }));
  return toKeyring({ text, setting: 'MCPO_DATA_DIR' }, source);
}

/** The same keys for a command or for reading them again; none is made. Rejects as `loadKeyring` does. */
export async function findKeyring(source: VaultKeySource): Promise<Keyring> {
  return toKeyring(findKeyText(source), source);
}

/** The keys as they are kept, wrapped or not. Throws `ConfigError`. */
export function findKeyText(source: VaultKeySource): KeyText {
  return givenText(source) ?? readText(vaultKeyFile(source.dataDir), 'MCPO_VAULT_KEY');
}

/** A new key in the form in which it is to be kept: wrapped if a KMS is configured for new keys. */
export async function createKeyText({ keyService }: Pick<VaultKeySource, 'keyService'>): Promise<string> {
  const key = generateKey();
  return keyService?.wrapsNewKeys ? keyService.wrap(key) : key;
}

/** Reads one or more keys as they are kept. Rejects as `loadKeyring` does. */
export async function toKeyring({ text, setting }: KeyText, { keyService }: Pick<VaultKeySource, 'keyService'>) {
  return parseKeyring(keyService?.isNeeded(text) ? await keyService.unwrapAll(text) : text, setting);
}

/** The file in the data folder that holds the keys; `undefined` where they are given by the environment. */
export function ownKeyFile(source: VaultKeySource): string | undefined {
  const isOwn = source.value === undefined && source.file === undefined && !source.hasSharedDatabase;
  return isOwn ? vaultKeyFile(source.dataDir) : undefined;
}

function givenText({ value, file, hasSharedDatabase }: VaultKeySource): KeyText | undefined {
  if (value !== undefined && file !== undefined) {
    throw keyProblem('MCPO_VAULT_KEY_FILE', 'is set beside MCPO_VAULT_KEY; keep one of them.');
  }
  if (file !== undefined) return readText(file, 'MCPO_VAULT_KEY_FILE');
  if (value !== undefined) return { text: value, setting: 'MCPO_VAULT_KEY' };
  if (!hasSharedDatabase) return undefined;
  throw keyProblem(
    'MCPO_VAULT_KEY',
    'must be set with PostgreSQL, to the same keys on every replica; "openssl rand -base64 32" prints one.',
  );
}

function readText(file: string, setting: string): KeyText {
  return { text: readKeyText(file, setting), setting };
}

/** The file in the data folder that holds the keys unless others are given, whether it is there or not. */
export function vaultKeyFile(dataDir: string): string {
  return join(dataDir, FILE_NAME);
}
