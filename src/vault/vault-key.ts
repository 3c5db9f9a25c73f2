import { join } from 'node:path';
import { keyProblem, openKeyFile, readKeyText } from '../key-file.ts';
import type { Logger } from '../telemetry/logger.ts';
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
}

/**
 * The vault's keys: as given, else those in the data folder, where one is made on the first start.
 * Throws `ConfigError` for a key that is none, that others may read, or that must be given and is not.
 */
export function loadKeyring(source: VaultKeySource, logger: Logger): Keyring {
  const given = givenKeyring(source);
  if (given !== undefined) return given;
  const file = keyFileOf(source.dataDir);
  const message = 'a key for the vault was made; keep a copy of it elsewhere, without it no secret can be read';
  return parseKeyring(
    openKeyFile(file, () => logger.info(message, { file })),
    'MCPO_DATA_DIR',
  );
}

/** The same keys for a command or for reading them again; none is made. Throws `ConfigError`. */
export function findKeyring(source: VaultKeySource): Keyring {
  return givenKeyring(source) ?? readKeyring(keyFileOf(source.dataDir), 'MCPO_VAULT_KEY');
}

/** The file in the data folder that holds the keys; `undefined` where they are given by the environment. */
export function ownKeyFile(source: VaultKeySource): string | undefined {
  const isOwn = source.value === undefined && source.file === undefined && !source.hasSharedDatabase;
  return isOwn ? keyFileOf(source.dataDir) : undefined;
}

function givenKeyring({ value, file, hasSharedDatabase }: VaultKeySource): Keyring | undefined {
  if (value !== undefined && file !== undefined) {
    throw keyProblem('MCPO_VAULT_KEY_FILE', 'is set beside MCPO_VAULT_KEY; keep one of them.');
  }
  if (file !== undefined) return readKeyring(file, 'MCPO_VAULT_KEY_FILE');
  if (value !== undefined) return parseKeyring(value, 'MCPO_VAULT_KEY');
  if (!hasSharedDatabase) return undefined;
  throw keyProblem(
    'MCPO_VAULT_KEY',
    'must be set with PostgreSQL, to the same keys on every replica; "openssl rand -base64 32" prints one.',
  );
}

function readKeyring(file: string, setting: string): Keyring {
  return parseKeyring(readKeyText(file, setting), setting);
}

function keyFileOf(dataDir: string): string {
  return join(dataDir, FILE_NAME);
}
