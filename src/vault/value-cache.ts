import { toUserKey, type UserId } from '../auth/user.ts';
import { BoundedMap } from '../bounded-map.ts';
import type { Redactor } from '../telemetry/redactor.ts';

const MAX_ENTRIES = 10_000;
/** A session that just ended may still print what it was given. */
const RELEASE_AFTER_MS = 60_000;

export type SecretValues = ReadonlyMap<string, string>;

interface Entry {
  readonly owner: UserId;
  readonly server: string;
  readonly held: Promise<HeldValues>;
}

interface HeldValues {
  readonly values: SecretValues;
  /** Lets the redactor forget them. */
  readonly release: () => void;
}

/** Decrypted values by owner and server, the least recently used leaving first; the redactor knows them meanwhile. */
export class ValueCache {
  readonly #redactor: Redactor;
  readonly #entries = new BoundedMap<string, Entry>(MAX_ENTRIES, releaseLater);

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Whose values are cached or being loaded. */
  owners(): readonly UserId[] {
    return [...this.#entries.values()].map(({ owner }) => owner);
  }

  /** What is cached or being loaded. */
  get(owner: UserId, server: string): Promise<SecretValues> | undefined {
    return this.#entries.use(keyOf(owner, server))?.held.then(({ values }) => values);
  }

  /** Loads values, once for all who ask meanwhile; what a change overtakes is not cached. */
  load(owner: UserId, server: string, read: () => Promise<SecretValues>): Promise<SecretValues> {
    const cached = this.get(owner, server);
    if (cached !== undefined) return cached;
    const key = keyOf(owner, server);
    const held = read().then((values) => ({ values, release: this.#redactor.hold(values.values()) }));
    const entry = { owner, server, held };
    this.#entries.set(key, entry);
    held.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    });
    return held.then(({ values }) => values);
  }

  /** Forgets what is cached and being loaded for a server, or for every server of an owner. */
  drop(owner: UserId, server: string | undefined): void {
    const ownerKey = toUserKey(owner);
    for (const [key, entry] of this.#entries) {
      const isMeant = server === undefined || server === entry.server;
      if (!isMeant || toUserKey(entry.owner) !== ownerKey) continue;
      this.#entries.delete(key);
      releaseLater(entry);
    }
  }

  /** Forgets everything; returns what there was. */
  dropAll(): readonly Pick<Entry, 'owner' | 'server'>[] {
    const dropped = [...this.#entries.values()];
    this.#entries.clear();
    for (const entry of dropped) releaseLater(entry);
    return dropped;
  }

  /** Lets the redactor know values that are about to be stored. */
  holding<Result>(values: SecretValues, work: () => Promise<Result>): Promise<Result> {
    const release = this.#redactor.hold(values.values());
    return work().finally(() => setTimeout(release, RELEASE_AFTER_MS).unref());
  }
}

function releaseLater({ held }: Entry): void {
  held.then(
    ({ release }) => setTimeout(release, RELEASE_AFTER_MS).unref(),
    () => undefined,
  );
}

export function keyOf(owner: UserId, server: string): string {
  return `${server.length}:${server}${toUserKey(owner)}`;
}
