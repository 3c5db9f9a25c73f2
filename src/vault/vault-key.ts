import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretSourceSettings } from '../config/secret-source-variables.ts';
import { generateKey, keyProblem, openKeyFile, readKeyText } from '../key-file.ts';
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
  /** The KMS that wraps new keys, as `MCPO_VAULT_KMS` names it; `undefined`: they are kept as they are. */
  readonly kms?: string | undefined;
  /** How a KMS is reached. */
  readonly sources?: SecretSourceSettings | undefined;
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
  if (given !== undefined) return toKeyring(given, source, logger);
  const file = vaultKeyFile(source.dataDir);
  const message = 'a key for the vault was made; keep a copy of it elsewhere, without it no secret can be read';
  const newKey = existsSync(file) ? '' : await toKeptKey(source);
  const text = openKeyFile(file, newKey, () => logger.info(message, { file }));
  return toKeyring({ text, setting: 'MCPO_DATA_DIR' }, source, logger);
}

/** The same keys for a command or for reading them again; none is made. Rejects as `loadKeyring` does. */
export async function findKeyring(source: VaultKeySource): Promise<Keyring> {
  return toKeyring(findKeyText(source), source);
}

/** The keys as they are kept, wrapped or not. Throws `ConfigError`. */
export function findKeyText(source: VaultKeySource): KeyText {
  return givenText(source) ?? readText(vaultKeyFile(source.dataDir), 'MCPO_VAULT_KEY');
}

/** A new key, or the one that is given, in the form in which it is to be kept: wrapped if a KMS is configured. */
export async function toKeptKey(source: Pick<VaultKeySource, 'kms' | 'sources'>, key = generateKey()): Promise<string> {
  const { kms, sources } = source;
  if (kms === undefined || sources === undefined) return key;
  const { wrapKey } = await import('../secret-sources/key-wrapping.ts');
  return wrapKey(kms, key, sources);
}

/** Reads one or more keys as they are kept; plain ones stay in memory only. Rejects as `loadKeyring` does. */
export async function toKeyring(
  { text, setting }: KeyText,
  { sources }: Pick<VaultKeySource, 'sources'>,
  logger?: Logger,
): Promise<Keyring> {
  if (sources === undefined || !partsOf(text).some(isWrapped)) return parseKeyring(text, setting);
  const { unwrapKey } = await import('../secret-sources/key-wrapping.ts');
  const onRetry = (reason: string) => logger?.warn("the vault's key cannot be unwrapped yet", { setting, reason });
  const unwrap = (part: string) => (isWrapped(part) ? unwrapKey(part, sources, onRetry) : part);
  return parseKeyring((await Promise.all(partsOf(text).map(unwrap))).join(), setting);
}

/** The same keys, each wrapped anew under the KMS of `source`. Rejects as `loadKeyring` does. */
export async function rewrapKeyText({ text, setting }: KeyText, source: VaultKeySource): Promise<string> {
  const { sources } = source;
  // Reports what is no key before anything is wrapped.
  await toKeyring({ text, setting }, source);
  if (sources === undefined) return text;
  const { unwrapKey } = await import('../secret-sources/key-wrapping.ts');
  const rewrap = async (part: string) => toKeptKey(source, isWrapped(part) ? await unwrapKey(part, sources) : part);
  return (await Promise.all(partsOf(text).map(rewrap))).join();
}

/** The keys of a keyring as it is kept. */
export function partsOf(text: string): readonly string[] {
  return text.split(',').map((part) => part.trim());
}

/** Whether a key is kept wrapped by a KMS. */
export function isWrapped(part: string): boolean {
  return /^(?:transit|aws-kms):/.test(part);
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
