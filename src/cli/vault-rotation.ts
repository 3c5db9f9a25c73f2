import { UsageError } from '../errors.ts';
import { readKeyText, updateKeyFile } from '../vault/key-file.ts';
import { type Keyring, parseKeyring } from '../vault/keyring.ts';
import { hasSecretsToRewrap, olderKeysInUse, rewrapSecrets } from '../vault/rewrap-secrets.ts';
import type { SecretStore } from '../vault/secret-store.ts';
import { findKeyring, generateKey, ownKeyFile, type VaultKeySource } from '../vault/vault-key.ts';
import { assertOwnKeyring } from '../vault/vault-keys.ts';
import type { VaultCommandResult } from './vault-result.ts';

export interface RotationRequest {
  readonly newKeyFile: string | undefined;
  readonly dropOld: boolean;
}

const DATA_FOLDER = 'MCPO_DATA_DIR';

/**
 * Puts every secret under the first key of the ring. Where the keys lie in the data folder a new one is put in front
 * there before, unless an earlier rotation was cut off: that one is finished. Keys of the environment are the admin's
 * to change. Old keys stay in the ring until `dropOld`, so that whatever is under them can be read all the while.
 * Exit code 1 when secrets are left that cannot be decrypted.
 */
export async function rotateKey(
  store: SecretStore,
  keySource: VaultKeySource,
  { newKeyFile, dropOld }: RotationRequest,
  now: number,
): Promise<VaultCommandResult> {
  const file = ownKeyFile(keySource);
  assertPossible(file, newKeyFile, dropOld);
  const before = findKeyring(keySource);
  assertOwnKeyring(await store.keys(), before);
  const told: string[] = [];
  const isCutOff = await hasSecretsToRewrap(store, before);
  const makesKey = file !== undefined && !dropOld && !isCutOff;
  if (makesKey) putInFront(file, newKeyFile);
  const keyring = makesKey ? findKeyring(keySource) : before;
  const { id: keyId, check } = keyring.active;
  if (makesKey)
    told.push(`A new key, ${keyId}, stands first in vault.key of the data folder; keep a copy of that file.`);
  else if (isCutOff && file !== undefined) told.push('No new key was made: an earlier rotation is finished first.');

  // Before the first secret lies under it: by this, running services learn that there is a key to be read.
  await store.addKey({ keyId, check, createdAt: now });
  const { rewrapped, unreadable } = await rewrapSecrets(store, keyring);
  told.push(`${count(rewrapped)} put under key ${keyId}.`);
  if (file !== undefined && dropOld) told.push(await dropOldKeys(store, keyring, file));
  else told.push(...(await adviceOnOldKeys(store, keyring, file !== undefined)));
  if (unreadable.length > 0) {
    told.push(
      `${count(unreadable.length)} left as they are: no key that was given decrypts them; "mcpo-ts vault list" shows which.`,
    );
  }
  return { text: told.map((line) => `${line}\n`).join(''), note: '', exitCode: unreadable.length > 0 ? 1 : 0 };
}

function assertPossible(file: string | undefined, newKeyFile: string | undefined, dropOld: boolean): void {
  if (newKeyFile !== undefined && dropOld) {
    throw new UsageError('--new-key-file and --drop-old contradict each other: first rotate, then drop the old key.');
  }
  if (file !== undefined || (newKeyFile === undefined && !dropOld)) return;
  throw new UsageError(
    '--new-key-file and --drop-old are for keys in the data folder; yours are given by the environment: change them there, the new key first, and run "mcpo-ts vault rotate-key" alone.',
  );
}

function putInFront(file: string, newKeyFile: string | undefined): void {
  const key = newKeyFile === undefined ? generateKey() : readKeyText(newKeyFile, '--new-key-file');
  if (newKeyFile !== undefined && parseKeyring(key, '--new-key-file').keys.size !== 1) {
    throw new UsageError('--new-key-file holds more than one key; give a file with the new one alone.');
  }
  updateKeyFile(file, DATA_FOLDER, (text) => {
    const ring = `${key},${text}`;
    parseKeyring(ring, newKeyFile === undefined ? DATA_FOLDER : '--new-key-file');
    return ring;
  });
}

async function dropOldKeys(store: SecretStore, keyring: Keyring, file: string): Promise<string> {
  const inUse = await olderKeysInUse(store, keyring);
  const dropped = [...keyring.keys.keys()].filter((id) => id !== keyring.active.id && !inUse.has(id));
  if (dropped.length === 0) return 'There is no old key to drop.';
  let before = '';
  updateKeyFile(file, DATA_FOLDER, (text) => {
    before = text;
    const parts = text.split(',').map((part) => part.trim());
    return parts.filter((part) => !dropped.includes(parseKeyring(part, DATA_FOLDER).active.id)).join(',');
  });
  const stillInUse = await olderKeysInUse(store, keyring);
  if (dropped.some((id) => stillInUse.has(id))) {
    updateKeyFile(file, DATA_FOLDER, () => before);
    return 'The old keys were kept: a running service has just used one; restart it and run this again.';
  }
  return `Dropped ${dropped.join(', ')}; backups made before the rotation can be restored only with a copy of the old file.`;
}

async function adviceOnOldKeys(store: SecretStore, keyring: Keyring, isOwnFile: boolean): Promise<readonly string[]> {
  const inUse = await olderKeysInUse(store, keyring);
  const unused = [...keyring.keys.keys()].filter((id) => id !== keyring.active.id && !inUse.has(id));
  if (unused.length === 0) {
    if (isOwnFile || keyring.keys.size > 1) return [];
    return [
      'There is one key only; to change it, put a new one in front of it, separated by a comma, and run this again.',
    ];
  }
  const keys = unused.join(', ');
  return isOwnFile
    ? [
        'Running services read the file again by themselves.',
        `Nothing lies under ${keys} any more; "mcpo-ts vault rotate-key --drop-old" takes it out, but backups made before need it.`,
      ]
    : [
        'Restart every running service that does not have the new key yet; until then it cannot read these secrets.',
        `When all have it, ${keys} can be taken out of the environment, but backups made before need it.`,
      ];
}

function count(secrets: number): string {
  return secrets === 1 ? '1 secret was' : `${secrets} secrets were`;
}
