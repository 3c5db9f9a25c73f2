import { toUserKey, type UserId, type UserProfile } from '../auth/user.ts';
import { BoundedMap } from '../bounded-map.ts';
import { open, seal } from './cipher.ts';
import type { Keyring } from './keyring.ts';
import type { ProfileRow, SecretPlace } from './secret-rows.ts';
import type { Store } from './secret-store.ts';
import type { LinkProfile } from './setup-links.ts';
import type { VaultKeys } from './vault-keys.ts';

const WRITE_AFTER_MS = 5_000;
const MAX_NOTES = 10_000;
/** Then it is written down again: it may have been erased, or written under a key that is gone. */
const KNOWN_MS = 3_600_000;

interface Note {
  readonly profile: UserProfile;
  readonly notedAt: number;
  isStored: boolean;
}

export interface UserProfilesOptions {
  readonly store: Pick<Store, 'putProfiles' | 'profiles'>;
  readonly keys: Pick<VaultKeys, 'forReading' | 'forWriting'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * What people know a user by: for lists and searches, never to identify anybody. Noted while users call and stored
 * within seconds; bounded, so that an outage fills no memory.
 */
export class UserProfiles {
  readonly #options: UserProfilesOptions;
  readonly #notes = new BoundedMap<string, Note>(MAX_NOTES);
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: UserProfilesOptions) {
    this.#options = options;
  }

  /** Costs nothing where the profile is known as it is. */
  note(profile: UserProfile): void {
    const { name, email } = profile;
    if (name === undefined && email === undefined) return;
    const key = toUserKey(profile);
    const known = this.#notes.get(key);
    const notedAt = this.#options.now();
    const isKnown = known?.profile.name === name && known?.profile.email === email;
    if (isKnown && known !== undefined && notedAt - known.notedAt < KNOWN_MS) return;
    this.#notes.set(key, { profile, notedAt, isStored: false });
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_AFTER_MS).unref();
  }

  /** The profiles that are known, of one user or of all, by `toUserKey`. */
  async list(owner?: UserId): Promise<ReadonlyMap<string, LinkProfile>> {
    await this.flush();
    const rows = await this.#options.store.profiles(owner);
    return readProfiles(await this.#options.keys.forReading([]), rows);
  }

  /** Drops what is noted about a user; resolves when nothing about them is being written. */
  async forgetOwner(owner: UserId): Promise<void> {
    this.#notes.delete(toUserKey(owner));
    await this.#writing;
  }

  /** Stores what was noted; what cannot be stored now is tried again with the next note. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const { store, keys } = this.#options;
    const notes = [...this.#notes.values()].filter(({ isStored }) => !isStored);
    if (notes.length === 0) return;
    try {
      const keyring = await keys.forWriting();
      await store.putProfiles(notes.map(({ profile, notedAt }) => toProfileRow(keyring, profile, notedAt)));
      for (const note of notes) note.isStored = true;
    } catch {
      // The outage is in the log.
    }
  }
}

/** The rows that can be decrypted, by `toUserKey`; another key than the ring's leaves a profile unknown. */
export function readProfiles(keyring: Keyring, rows: readonly ProfileRow[]): ReadonlyMap<string, LinkProfile> {
  const profiles = new Map<string, LinkProfile>();
  for (const { owner, keyId, cipherText } of rows) {
    try {
      const text = open(keyring, { ...profileSeal(owner), keyId, cipherText });
      profiles.set(toUserKey(owner), JSON.parse(text) as LinkProfile);
    } catch {
      // Noted again with the user's next call.
    }
  }
  return profiles;
}

/** What the cipher text of a user's profile is bound to. */
export function profileSeal(owner: UserId): SecretPlace & { readonly version: number } {
  return { ...placeOf(owner), version: 1 };
}

function toProfileRow(keyring: Keyring, { issuer, subject, name, email }: UserProfile, notedAt: number): ProfileRow {
  const owner = { issuer, subject };
  return { owner, notedAt, ...seal(keyring, placeOf(owner), 1, JSON.stringify({ name, email })) };
}

/** No server has an empty name, so no secret can be put in a profile's place. */
function placeOf({ issuer, subject }: UserId): SecretPlace {
  return { owner: { issuer, subject }, server: '', name: 'profile' };
}
