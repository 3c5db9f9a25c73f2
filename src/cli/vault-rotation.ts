import { UsageError } from '../errors.ts';
import { readKeyText, updateKeyFile } from '../key-file.ts';
import type { Keyring } from '../vault/keyring.ts';
import { hasSecretsToRewrap, rewrapSecrets } from '../vault/rewrap-secrets.ts';
import type { SecretStore } from '../vault/secret-store.ts';
import {
  findKeyring,
  isWrapped,
  ownKeyFile,
  partsOf,
  toKeptKey,
  toKeyring,
  type VaultKeySource,
} from '../vault/vault-key.ts';
import { assertOwnKeyring } from '../vault/vault-keys.ts';
import { type CommandResult, countSecrets } from './command-result.ts';

export interface RotationRequest {
  readonly newKeyFile?: string;
  readonly dropOld?: boolean;
}

const DATA_FOLDER = 'MCPO_DATA_DIR';

/**
 * Encrypts every secret under the first key of the ring. If the keys are stored in the data folder, a new one is added
 * in front first, unless an earlier rotation was interrupted: that one is finished. Keys of the environment are changed
 * by the admin. Old keys stay in the ring until `dropOld`, so that every secret can be read at any time.
 * Exit code 1 if secrets are left that cannot be decrypted.
 */
export async function rotateKey(
  store: SecretStore,
  keySource: VaultKeySource,
  { newKeyFile, dropOld = false }: RotationRequest,
  now: number,
): Promise<CommandResult> {
  const file = ownKeyFile(keySource);
  assertPossible(file, newKeyFile, dropOld);
  const before = await findKeyring(keySource);
  assertOwnKeyring(await store.keys(), before);
  const lines: string[] = [];
  const isInterrupted = await hasSecretsToRewrap(store, before);
  const makesKey = file !== undefined && !dropOld && !isInterrupted;
  if (makesKey) await putInFront(file, newKeyFile, keySource);
  const keyring = makesKey ? await findKeyring(keySource) : before;
  const { id: keyId, check } = keyring.active;
  if (makesKey) {
    lines.push(`A new key, ${keyId}, is now first in vault.key of the data folder; keep a copy of that file.`);
  } else if (isInterrupted && file !== undefined) {
    lines.push('No new key was created: an earlier rotation is finished first.');
  }

  // Before the first secret is encrypted under it, so that running services notice that there is a key to read.
  await store.addKey({ keyId, check, createdAt: now });
  const { rewrapped, unreadable } = await rewrapSecrets(store, keyring);
  lines.push(`${countSecrets(rewrapped)} encrypted under key ${keyId}.`);
  if (file !== undefined && dropOld) lines.push(await dropOldKeys(store, keyring, file, keySource));
  else lines.push(...(await adviceOnOldKeys(store, keyring, file !== undefined)));
  if (unreadable.length > 0) {
    lines.push(
      `${countSecrets(unreadable.length)} left unchanged: none of the given keys decrypts them; "mcpo-ts vault list" shows which.`,
    );
  }
  return { text: lines.map((line) => `${line}\n`).join(''), note: '', exitCode: unreadable.length > 0 ? 1 : 0 };
}

function assertPossible(file: string | undefined, newKeyFile: string | undefined, dropOld: boolean): void {
  if (newKeyFile !== undefined && dropOld) {
    throw new UsageError('--new-key-file and --drop-old contradict each other: first rotate, then drop the old key.');
  }
  if (file !== undefined || (newKeyFile === undefined && !dropOld)) return;
  throw new UsageError(
    '--new-key-file and --drop-old are for keys in the data folder; yours come from the environment: change them there, with the new key first, and run "mcpo-ts vault rotate-key" without these flags.',
  );
}

async function putInFront(file: string, newKeyFile: string | undefined, keySource: VaultKeySource): Promise<void> {
  const key = newKeyFile === undefined ? await toKeptKey(keySource) : await readNewKey(newKeyFile, keySource);
  const setting = newKeyFile === undefined ? DATA_FOLDER : '--new-key-file';
  const before = readKeyText(file, DATA_FOLDER);
  await toKeyring({ text: `${key},${before}`, setting }, keySource);
  updateKeyFile(file, DATA_FOLDER, (text) => `${key},${text}`);
}

/** The one key of a file, wrapped if new keys are kept so. */
async function readNewKey(file: string, keySource: VaultKeySource): Promise<string> {
  const setting = '--new-key-file';
  const text = readKeyText(file, setting);
  const { keys } = await toKeyring({ text, setting }, keySource);
  if (keys.size !== 1) {
    throw new UsageError('--new-key-file contains more than one key; give a file with the new one only.');
  }
  return isWrapped(text) ? text : toKeptKey(keySource, text);
}

async function dropOldKeys(
  store: SecretStore,
  keyring: Keyring,
  file: string,
  keySource: VaultKeySource,
): Promise<string> {
  const inUse = await store.countByKey();
  const dropped = [...keyring.keys.keys()].filter((id) => id !== keyring.active.id && !inUse.has(id));
  if (dropped.length === 0) return 'There is no old key to remove.';
  const isDropped = new Map<string, boolean>();
  for (const part of partsOf(readKeyText(file, DATA_FOLDER))) {
    const { active } = await toKeyring({ text: part, setting: DATA_FOLDER }, keySource);
    isDropped.set(part, dropped.includes(active.id));
  }
  let before = '';
  updateKeyFile(file, DATA_FOLDER, (text) => {
    before = text;
    return partsOf(text)
      .filter((part) => !isDropped.get(part))
      .join(',');
  });
  const stillInUse = await store.countByKey();
  if (dropped.some((id) => stillInUse.has(id))) {
    updateKeyFile(file, DATA_FOLDER, () => before);
    return 'The old keys were not removed: a running service has just used one; restart it and run this again.';
  }
  return `Removed ${dropped.join(', ')}; backups that were made before the rotation without keys can be restored only with a copy of the old file.`;
}

async function adviceOnOldKeys(store: SecretStore, keyring: Keyring, isOwnFile: boolean): Promise<readonly string[]> {
  const inUse = await store.countByKey();
  const unused = [...keyring.keys.keys()].filter((id) => id !== keyring.active.id && !inUse.has(id));
  if (unused.length === 0) {
    if (isOwnFile || keyring.keys.size > 1) return [];
    return [
      'There is only one key; to change it, put a new one in front of it, separated by a comma, and run this again.',
    ];
  }
  const keys = unused.join(', ');
  return isOwnFile
    ? [
        'Running services reload the file.',
        `Nothing is encrypted under ${keys} any more; "mcpo-ts vault rotate-key --drop-old" removes it, but earlier backups without keys need it.`,
      ]
    : [
        'Restart every running service that does not have the new key yet; until then it cannot read these secrets.',
        `When all have it, ${keys} can be removed from the environment, but earlier backups without keys need it.`,
      ];
}
