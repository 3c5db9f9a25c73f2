import { toUserKey, type UserId } from '../auth/user.ts';
import { BoundedMap } from '../bounded-map.ts';
import type { OwnedUse } from './secret-rows.ts';
import type { Store } from './secret-store.ts';
import { keyOf } from './value-cache.ts';

const WRITE_AFTER_MS = 5_000;
const MAX_NOTES = 10_000;
/** Then it is stored again: another replica may have noted otherwise. */
const KNOWN_MS = 600_000;

interface CredentialsNote {
  readonly owner: UserId;
  readonly server: string;
  /** Since when they are refused; `undefined`: they are accepted. */
  readonly since: number | undefined;
  readonly notedAt: number;
  isStored: boolean;
}

/** What is noted at every call and stored every few seconds; bounded, so that an outage fills no memory. */
export class UseNotes {
  readonly #store: Pick<Store, 'addUses' | 'markRefused'>;
  readonly #now: () => number;
  #uses = new BoundedMap<string, OwnedUse>(MAX_NOTES);
  /** What was last noted of each user's credentials for a server. */
  readonly #credentials = new BoundedMap<string, CredentialsNote>(MAX_NOTES);
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /** `now` returns milliseconds since the epoch. */
  constructor(store: Pick<Store, 'addUses' | 'markRefused'>, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  noteUse(owner: UserId, server: string, tool: string): void {
    this.#addUse({ owner, server, tool, lastUsedAt: this.#now(), calls: 1 });
    this.#schedule();
  }

  noteCredentials(owner: UserId, server: string, isRefused: boolean): void {
    const key = keyOf(owner, server);
    const notedAt = this.#now();
    const known = this.#credentials.get(key);
    const isKnown = known !== undefined && (known.since !== undefined) === isRefused;
    if (isKnown && notedAt - known.notedAt < KNOWN_MS) return;
    const refusedSince = isKnown ? known.since : notedAt;
    const since = isRefused ? refusedSince : undefined;
    this.#credentials.set(key, { owner, server, since, notedAt, isStored: false });
    this.#schedule();
  }

  /** After a change of values: what is known of the previous ones does not apply. */
  forgetCredentials(owner: UserId, server: string): void {
    this.#credentials.delete(keyOf(owner, server));
  }

  /** Drops what is not written yet about an owner; resolves when nothing about them is on its way. */
  async forgetOwner(owner: UserId): Promise<void> {
    await this.#writing;
    const ownerKey = toUserKey(owner);
    for (const notes of [this.#uses, this.#credentials]) {
      for (const [key, note] of notes) if (toUserKey(note.owner) === ownerKey) notes.delete(key);
    }
  }

  /** The users about whom something is noted. */
  owners(): readonly UserId[] {
    return [...this.#uses.values(), ...this.#credentials.values()].map(({ owner }) => owner);
  }

  /** Stores what was noted; what cannot be stored is tried again later. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Stores what it can. */
  async close(): Promise<void> {
    await this.flush();
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_AFTER_MS).unref();
  }

  async #write(): Promise<void> {
    const uses = this.#uses;
    this.#uses = new BoundedMap(MAX_NOTES);
    try {
      if (uses.size > 0) await this.#store.addUses([...uses.values()]);
      uses.clear();
      for (const note of [...this.#credentials.values()].filter(({ isStored }) => !isStored)) {
        await this.#store.markRefused(note.owner, note.server, note.since);
        note.isStored = true;
      }
    } catch {
      // The outage is in the log.
      for (const use of uses.values()) this.#addUse(use);
      this.#schedule();
    }
  }

  #addUse(use: OwnedUse): void {
    const key = `${use.tool.length}:${use.tool}${keyOf(use.owner, use.server)}`;
    const before = this.#uses.get(key);
    this.#uses.set(key, {
      ...use,
      lastUsedAt: Math.max(use.lastUsedAt, before?.lastUsedAt ?? 0),
      calls: use.calls + (before?.calls ?? 0),
    });
  }
}
