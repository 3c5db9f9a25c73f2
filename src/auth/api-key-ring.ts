import { hash as hashOf, timingSafeEqual } from 'node:crypto';
import { PREVIOUS_KEY_ID, toKeyPrincipal, toSingleRecord } from './api-key.ts';
import type { ApiKeyRecord, AuthSettings } from './auth-settings.ts';
import type { Principal } from './principal.ts';

/** Where keys come from, in the order in which they are looked up. */
const SOURCES = ['single', 'file', 'database'] as const;
export type ApiKeySource = (typeof SOURCES)[number];

/** A key with what follows from its record, made once. */
export interface RingKey {
  readonly id: string;
  readonly source: ApiKeySource;
  readonly assertsUser: boolean;
  /** Who calls with it, unless it speaks for somebody else: the user that it belongs to, or the key itself. */
  readonly principal: Principal;
}

interface Entry {
  readonly key: RingKey;
  readonly digest: Buffer;
  readonly expiresAt: number;
}

/** A key of the settings, for lists. */
export interface GivenKey extends Pick<ApiKeyRecord, 'id' | 'scopes' | 'user' | 'assertsUser' | 'expiresAt'> {
  readonly source: Exclude<ApiKeySource, 'database'>;
  /** Since this process started: milliseconds since the epoch. */
  readonly lastUsedAt: number | undefined;
}

/** All API keys that are valid now, from every source; looked up by digest. */
export class ApiKeyRing {
  readonly #entries = new Map<ApiKeySource, ReadonlyMap<string, Entry>>();
  #uses = new Map<string, number>();
  readonly #givenUses = new Map<string, number>();
  #everHadKeys = false;
  #database: 'unused' | 'unread' | 'failed' | 'read' = 'unused';
  #waiting: (() => void)[] = [];

  /**
   * Whether a key was ever in it. It stays so when the last one is revoked or expires: a service that asked for a key
   * must not open by that.
   */
  get hasKeys(): boolean {
    return this.#everHadKeys;
  }

  /** Whether the keys of the database are still to come, so that a key not found may be one of them. */
  get isIncomplete(): boolean {
    return this.#database === 'unread' || this.#database === 'failed';
  }

  /** Replaces all keys of a source. */
  replace(source: ApiKeySource, records: readonly ApiKeyRecord[]): void {
    this.#entries.set(source, new Map(records.map((record) => [record.hash.toLowerCase(), toEntry(record, source)])));
    this.#everHadKeys ||= records.length > 0;
    if (source === 'database') this.#leaveUnread('read');
  }

  /** Replaces the keys of the settings. */
  replaceGiven(settings: Pick<AuthSettings, 'apiKey' | 'previousApiKey' | 'keys' | 'openWebUi'>): void {
    const { apiKey, previousApiKey, keys, openWebUi } = settings;
    const previous = previousApiKey === undefined ? [] : [toSingleRecord(previousApiKey, openWebUi, PREVIOUS_KEY_ID)];
    // The last of two equal keys counts.
    this.replace('single', [...previous, ...(apiKey === undefined ? [] : [toSingleRecord(apiKey, openWebUi)])]);
    this.replace('file', keys);
  }

  /** From now on a key is required, whichever keys are read later. */
  requireKey(): void {
    this.#everHadKeys = true;
  }

  /** Keys of the database will come; until then callers with an unknown key wait. */
  expectDatabase(): void {
    if (this.#database === 'unused') this.#database = 'unread';
  }

  /** The database could not be read; the last known keys stay. */
  databaseFailed(): void {
    this.#leaveUnread(this.#database === 'unread' ? 'failed' : this.#database);
  }

  /** Resolves when the database was read, or could not be. */
  async whenRead(): Promise<void> {
    if (this.#database === 'unread') await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The key that was presented; `undefined` if unknown or expired. */
  find(presented: string, now = Date.now()): RingKey | undefined {
    const hash = hashOf('sha256', presented);
    for (const source of SOURCES) {
      const entry = this.#entries.get(source)?.get(hash);
      if (entry === undefined || now >= entry.expiresAt) continue;
      if (timingSafeEqual(entry.digest, Buffer.from(hash, 'hex'))) return entry.key;
    }
    return undefined;
  }

  /**
   * The key of this id; `undefined` if unknown or expired. Its fingerprint distinguishes it from another key that takes
   * its place later, and reveals nothing of the key itself.
   */
  findById(id: string, now = Date.now()): (RingKey & { readonly fingerprint: string }) | undefined {
    for (const source of SOURCES) {
      for (const { key, digest, expiresAt } of this.#entries.get(source)?.values() ?? []) {
        if (key.id !== id || now >= expiresAt) continue;
        const fingerprint = hashOf('sha256', Buffer.concat([Buffer.from('fingerprint'), digest]), 'base64url');
        return { ...key, fingerprint: fingerprint.slice(0, 16) };
      }
    }
    return undefined;
  }

  /** The keys that are not in the database, expired ones too. */
  listGiven(): readonly GivenKey[] {
    return (['single', 'file'] as const).flatMap((source) =>
      [...(this.#entries.get(source)?.values() ?? [])].map(({ key, expiresAt }) => {
        const { id, assertsUser, principal } = key;
        const { scopes } = principal;
        const user = principal.kind === 'user' ? { issuer: principal.issuer, subject: principal.subject } : undefined;
        const end = Number.isFinite(expiresAt) ? expiresAt : undefined;
        const lastUsedAt = this.#givenUses.get(id);
        return { id, source, scopes: scopes.texts, user, assertsUser, expiresAt: end, lastUsedAt };
      }),
    );
  }

  noteUse({ id, source }: RingKey, now = Date.now()): void {
    const uses = source === 'database' ? this.#uses : this.#givenUses;
    uses.set(id, now);
  }

  /** The uses of keys of the database noted since the last call: milliseconds since the epoch, by key. */
  takeUses(): ReadonlyMap<string, number> {
    const uses = this.#uses;
    this.#uses = new Map();
    return uses;
  }

  #leaveUnread(state: 'failed' | 'read' | 'unused'): void {
    this.#database = state;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function toEntry(record: ApiKeyRecord, source: ApiKeySource): Entry {
  const { id, hash, assertsUser, expiresAt = Number.POSITIVE_INFINITY } = record;
  // Always as long as a SHA-256, so that a broken record matches nothing and breaks nothing.
  const digest = Buffer.alloc(32);
  Buffer.from(hash, 'hex').copy(digest);
  return { key: { id, source, assertsUser, principal: toKeyPrincipal(record) }, digest, expiresAt };
}
