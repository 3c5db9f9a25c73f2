import { UsageError } from '../errors.ts';
import { updateKeyFile } from '../key-file.ts';
import {
  findKeyText,
  ownKeyFile,
  rewrapKeyText,
  toKeptKey,
  toKeyring,
  type VaultKeySource,
} from '../vault/vault-key.ts';
import { type CommandResult, done } from './command-result.ts';

/**
 * Wraps the keys of the ring, plain or wrapped, under the current key of `MCPO_VAULT_KMS`: in the file that they are kept
 * in, or printed for the variable. Rejects with `UsageError` without a KMS, `ConfigError`, `KeyServiceError`; nothing is
 * changed then.
 */
export async function rewrapKeys(keySource: VaultKeySource): Promise<CommandResult> {
  const kms = requireKms(keySource);
  const before = findKeyText(keySource);
  const text = await rewrapKeyText(before, keySource);
  const { keys } = await toKeyring({ ...before, text }, keySource);
  const count = keys.size === 1 ? '1 key is' : `${keys.size} keys are`;
  const file = keySource.file ?? ownKeyFile(keySource);
  if (file === undefined) {
    return done(`${text}\n`, `${count} wrapped under ${kms}. Set MCPO_VAULT_KEY to the line above on every replica.\n`);
  }
  updateKeyFile(file, before.setting, (current) => {
    if (current === before.text) return text;
    throw new UsageError(`The file "${file}" was changed meanwhile; run this again.`);
  });
  return done(
    `${count} wrapped under ${kms} in "${file}". Destroy copies of the plain key, except one in a safe place: without it, nothing can be read once the KMS' key is lost.\n`,
  );
}

/** Prints a new wrapped key, for replicas that share it. Rejects with `UsageError` without a KMS, `KeyServiceError`. */
export async function printNewKey(keySource: VaultKeySource): Promise<CommandResult> {
  requireKms(keySource);
  return done(`${await toKeptKey(keySource)}\n`);
}

function requireKms({ kms }: VaultKeySource): string {
  if (kms !== undefined) return kms;
  throw new UsageError(
    'Set MCPO_VAULT_KMS to the KMS that is to wrap the key, such as transit:mcpo or aws-kms:alias/mcpo.',
  );
}
