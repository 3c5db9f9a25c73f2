import { toUserKey, type UserId } from '../auth/user.ts';
import type { OwnedUse } from './secret-rows.ts';
import type { Store } from './secret-store.ts';
import { keyOf } from './value-cache.ts';

const WRITE_AFTER_MS = 5_000;
const MAX_NOTES = 10_000;
/** Then it is written down again: another replica may have noted otherwise. */
const KNOWN_MS = 600_000;

interface CredentialsNote {
  readonly owner: UserId;
  readonly server: string;
  /** Since when they are refused; `undefined`: they are taken. */
  readonly since: number | undefined;
  readonly notedAt: number;
}

/** What is noted at every call and written down every few seconds; bounded, so that an outage fills no memory. */
export class UseNotes {
  readonly #store: Pick<Store, 'addUses' | 'markRefused'>;
  readonly #now: () => number;
  #uses = new Map<string, OwnedUse>();
  #credentials = new Map<string, CredentialsNote>();
  /** What was last noted, the oldest first. */
  readonly #known = new Map<string, CredentialsNote>();
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
    const known = this.#known.get(key);
    const isKnown = known !== undefined && (known.since !== undefined) === isRefused;
    if (isKnown && notedAt - known.notedAt < KNOWN_MS) return;
    const since = isRefused ? (isKnown ? known.since : notedAt) : undefined;
    const note: CredentialsNote = { owner, server, since, notedAt };
    this.#known.delete(key);
    setBounded(this.#known, key, note);
    setBounded(this.#credentials, key, note);
    this.#schedule();
  }

  /** Values were changed: what is known of the ones before says nothing of these. */
  forgetCredentials(owner: UserId, server: string): void {
    this.#known.delete(keyOf(owner, server));
    this.#credentials.delete(keyOf(owner, server));
  }

  /** Drops what is not written yet about an owner; resolves when nothing about him is on its way. */
  async forgetOwner(owner: UserId): Promise<void> {
    await this.#writing;
    const ownerKey = toUserKey(owner);
    for (const notes of [this.#uses, this.#credentials, this.#known]) {
      for (const [key, note] of notes) if (toUserKey(note.owner) === ownerKey) notes.delete(key);
    }
  }

  /** About whom something is noted. */
  owners(): readonly UserId[] {
    return [this.#uses, this.#credentials, this.#known].flatMap((notes) =>
      [...notes.values()].map(({ owner }) => owner),
    );
  }

  /** Writes down what was noted; what cannot be written is tried again later. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Writes down what it can. */
  async close(): Promise<void> {
    await this.flush();
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_AFTER_MS).unref();
  }

  async #write(): Promise<void> {
    const [uses, credentials] = [this.#uses, this.#credentials];
    this.#uses = new Map();
    this.#credentials = new Map();
    try {
      if (uses.size > 0) await this.#store.addUses([...uses.values()]);
      uses.clear();
      for (const [key, { owner, server, since }] of credentials) {
        await this.#store.markRefused(owner, server, since);
        credentials.delete(key);
      }
    } catch {
      // The guard has said it in the log. What was noted meanwhile is newer.
      for (const use of uses.values()) this.#addUse(use);
      for (const [key, note] of credentials) {
        if (!this.#credentials.has(key)) setBounded(this.#credentials, key, note);
      }
      this.#schedule();
    }
  }

  #addUse(use: OwnedUse): void {
    const key = `${use.tool.length}:${use.tool}${keyOf(use.owner, use.server)}`;
    const before = this.#uses.get(key);
    setBounded(this.#uses, key, {
      ...use,
      lastUsedAt: Math.max(use.lastUsedAt, before?.lastUsedAt ?? 0),
      calls: use.calls + (before?.calls ?? 0),
    });
  }
}

/** The oldest leaves where there are too many. */
function setBounded<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_NOTES && oldest !== undefined) map.delete(oldest);
}
