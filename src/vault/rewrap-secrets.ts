import { rewrap } from './cipher.ts';
import type { Keyring } from './keyring.ts';
import type { SecretPlace, SecretRow } from './secret-rows.ts';
import type { Store } from './secret-store.ts';

/** Each pass meets only what was set under an older key during the one before. */
const MAX_PASSES = 10;

type RewrapStore = Pick<Store, 'list' | 'rewrap'>;

export interface RewrapResult {
  readonly rewrapped: number;
  /** Left as they are: their key is not in the ring, or they were tampered with. */
  readonly unreadable: readonly SecretPlace[];
}

/**
 * Puts every secret under the ring's active key, one row at a time, so that it can be cut off anywhere and run again;
 * until then each is under its old key or the new one. Rejects with the database's error.
 */
export async function rewrapSecrets(store: RewrapStore, keyring: Keyring): Promise<RewrapResult> {
  let rewrapped = 0;
  for (let pass = 1; ; pass++) {
    const unreadable: SecretPlace[] = [];
    let overtaken = 0;
    for (const row of await rowsToRewrap(store, keyring)) {
      const sealed = tryRewrap(keyring, row);
      if (sealed === undefined) unreadable.push(row);
      else if (await store.rewrap(row, sealed.keyId, sealed.cipherText)) rewrapped++;
      else overtaken++;
    }
    if (overtaken === 0 || pass === MAX_PASSES) return { rewrapped, unreadable };
  }
}

/** Whether a secret is left that could be put under the active key. Rejects with the database's error. */
export async function hasSecretsToRewrap(store: RewrapStore, keyring: Keyring): Promise<boolean> {
  return (await rowsToRewrap(store, keyring)).some((row) => tryRewrap(keyring, row) !== undefined);
}

async function rowsToRewrap(store: RewrapStore, keyring: Keyring): Promise<readonly SecretRow[]> {
  return (await store.list()).filter(({ keyId }) => keyId !== keyring.active.id);
}

function tryRewrap(keyring: Keyring, row: SecretRow): ReturnType<typeof rewrap> | undefined {
  try {
    return rewrap(keyring, row);
  } catch {
    return undefined;
  }
}
