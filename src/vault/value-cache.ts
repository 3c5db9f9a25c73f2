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
  readonly values: SecretValues;
  readonly release: () => void;
}

interface Load {
  readonly owner: UserId;
  readonly server: string;
  readonly values: Promise<SecretValues>;
}

/** Decrypted values by owner and server, the least recently used leaving first; the redactor knows them meanwhile. */
export class ValueCache {
  readonly #redactor: Redactor;
  readonly #entries: BoundedMap<string, Entry>;
  readonly #loads = new Map<string, Load>();
  readonly #releases = new Map<NodeJS.Timeout, () => void>();

  constructor(redactor: Redactor, maxEntries = MAX_ENTRIES) {
    this.#redactor = redactor;
    this.#entries = new BoundedMap(maxEntries, ({ release }) => this.#releaseLater(release));
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0 && this.#loads.size === 0;
  }

  /** Whose values are cached or being loaded. */
  owners(): readonly UserId[] {
    return [...this.#entries.values(), ...this.#loads.values()].map(({ owner }) => owner);
  }

  get(owner: UserId, server: string): SecretValues | undefined {
    return this.#entries.use(keyOf(owner, server))?.values;
  }

  /** The same load for all who ask meanwhile; one that a change overtook is not cached. */
  load(owner: UserId, server: string, read: () => Promise<SecretValues>): Promise<SecretValues> {
    const key = keyOf(owner, server);
    const running = this.#loads.get(key);
    if (running !== undefined) return running.values;
    const load: Load = { owner, server, values: read().then((values) => this.#loaded(key, load, values)) };
    this.#loads.set(key, load);
    const end = () => {
      if (this.#loads.get(key) === load) this.#loads.delete(key);
    };
    load.values.then(end, end);
    return load.values;
  }

  /** Forgets what is cached and being loaded for a server, or for every server of an owner. */
  drop(owner: UserId, server: string | undefined): void {
    if (server !== undefined) {
      this.#drop(keyOf(owner, server));
      return;
    }
    const ownerKey = toUserKey(owner);
    for (const [key, entry] of [...this.#entries, ...this.#loads]) {
      if (toUserKey(entry.owner) === ownerKey) this.#drop(key);
    }
  }

  /** Forgets everything; returns what there was. */
  dropAll(): readonly { readonly owner: UserId; readonly server: string }[] {
    const dropped = [...this.#entries.values(), ...this.#loads.values()];
    for (const { owner, server } of dropped) this.#drop(keyOf(owner, server));
    return dropped;
  }

  /** Lets the redactor know values that are about to be stored. */
  async holding<Result>(values: Iterable<string>, work: () => Promise<Result>): Promise<Result> {
    const release = this.#redactor.hold(values);
    try {
      return await work();
    } finally {
      this.#releaseLater(release);
    }
  }

  close(): void {
    this.dropAll();
    for (const [timer, release] of this.#releases) {
      clearTimeout(timer);
      release();
    }
    this.#releases.clear();
  }

  #loaded(key: string, load: Load, values: SecretValues): SecretValues {
    const release = this.#redactor.hold(values.values());
    if (this.#loads.get(key) !== load) {
      this.#releaseLater(release);
      return values;
    }
    this.#entries.set(key, { owner: load.owner, server: load.server, values, release });
    return values;
  }

  #drop(key: string): void {
    this.#loads.delete(key);
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    if (entry !== undefined) this.#releaseLater(entry.release);
  }

  #releaseLater(release: () => void): void {
    const timer = setTimeout(() => {
      this.#releases.delete(timer);
      release();
    }, RELEASE_AFTER_MS);
    timer.unref();
    this.#releases.set(timer, release);
  }
}

export function keyOf(owner: UserId, server: string): string {
  return `${server.length}:${server}${toUserKey(owner)}`;
}
