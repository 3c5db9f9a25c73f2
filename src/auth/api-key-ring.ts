import { createHash, timingSafeEqual } from 'node:crypto';
import { hashApiKey } from './api-key.ts';
import type { ApiKeyRecord, AuthSettings } from './auth-settings.ts';
import type { Principal } from './principal.ts';
import { Scopes } from './scope.ts';

/** Where keys come from, in the order in which they are looked up. */
const SOURCES = ['single', 'file', 'database'] as const;
export type ApiKeySource = (typeof SOURCES)[number];

/** The id of the single key of `--api-key`. */
export const SINGLE_KEY_ID = 'default';

/** A key with what follows from its record, made once. */
export interface RingKey {
  readonly id: string;
  readonly source: ApiKeySource;
  readonly assertsUser: boolean;
  readonly scopes: Scopes;
  /** Who calls with it, unless it speaks for somebody else: the user that it belongs to, or the key itself. */
  readonly principal: Principal;
}

interface Entry {
  readonly key: RingKey;
  readonly digest: Buffer;
  readonly expiresAt: number;
}

/** All API keys that count now, from whichever source; looked up by digest. */
export class ApiKeyRing {
  readonly #entries = new Map<ApiKeySource, ReadonlyMap<string, Entry>>();
  #uses = new Map<string, number>();
  #everHadKeys = false;
  #database: 'unused' | 'unread' | 'failed' | 'read' = 'unused';
  #firstRead: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

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

  /** Takes over all keys of a source; those that it had before and are not among them count no longer. */
  replace(source: ApiKeySource, records: readonly ApiKeyRecord[]): void {
    this.#entries.set(source, new Map(records.map((record) => [record.hash.toLowerCase(), toEntry(record, source)])));
    this.#everHadKeys ||= records.length > 0;
    if (source !== 'database') return;
    this.#database = 'read';
    this.#firstRead?.resolve();
  }

  /** Says that there are keys, before any was read: from now on one is asked for, whatever the reading brings. */
  requireKey(): void {
    this.#everHadKeys = true;
  }

  /** Says that keys of the database will come; until then whoever presents an unknown key waits. */
  expectDatabase(): void {
    if (this.#database !== 'unused') return;
    this.#database = 'unread';
    let resolve: () => void = () => undefined;
    const promise = new Promise<void>((fulfil) => {
      resolve = fulfil;
    });
    this.#firstRead = { promise, resolve };
  }

  /** Says that the database could not be read; the last known keys stay. */
  databaseFailed(): void {
    if (this.#database === 'unread') this.#database = 'failed';
    this.#firstRead?.resolve();
  }

  /** Resolves when the database was read, or could not be. */
  async whenRead(): Promise<void> {
    await this.#firstRead?.promise;
  }

  /** The key that was presented, unless there is none such or its time is over. */
  find(presented: string, now = Date.now()): RingKey | undefined {
    const digest = createHash('sha256').update(presented).digest();
    const hash = digest.toString('hex');
    for (const source of SOURCES) {
      const entry = this.#entries.get(source)?.get(hash);
      if (entry !== undefined && timingSafeEqual(entry.digest, digest) && now < entry.expiresAt) return entry.key;
    }
    return undefined;
  }

  /**
   * The key of this id that is valid now; `undefined` when there is none. Its fingerprint distinguishes it from another
   * key that takes its place later, and reveals nothing of the key itself.
   */
  findById(id: string, now = Date.now()): (RingKey & { readonly fingerprint: string }) | undefined {
    for (const source of SOURCES) {
      for (const { key, digest, expiresAt } of this.#entries.get(source)?.values() ?? []) {
        if (key.id !== id || now >= expiresAt) continue;
        const hash = createHash('sha256').update('fingerprint').update(digest);
        return { ...key, fingerprint: hash.digest('base64url').slice(0, 16) };
      }
    }
    return undefined;
  }

  /** Notes that a key was used, to be written down with others; of keys that are not in the database it is forgotten. */
  noteUse({ id, source }: RingKey, now = Date.now()): void {
    if (source === 'database') this.#uses.set(id, now);
  }

  /** The uses noted since the last time this was asked: milliseconds since the epoch, by key. */
  takeUses(): ReadonlyMap<string, number> {
    const uses = this.#uses;
    this.#uses = new Map();
    return uses;
  }
}

/** Makes the ring with the keys that the settings hold; those of the database come with `watchApiKeys`. */
export function createApiKeyRing(settings: Pick<AuthSettings, 'apiKey' | 'keys' | 'openWebUi'>): ApiKeyRing {
  const ring = new ApiKeyRing();
  replaceGivenKeys(ring, settings);
  return ring;
}

/** Puts the keys that the settings hold in place of those that earlier ones held. */
export function replaceGivenKeys(
  ring: ApiKeyRing,
  { apiKey, keys, openWebUi }: Pick<AuthSettings, 'apiKey' | 'keys' | 'openWebUi'>,
): void {
  ring.replace('single', apiKey === undefined ? [] : [toSingleRecord(apiKey, openWebUi)]);
  ring.replace('file', keys);
}

function toSingleRecord(apiKey: string, openWebUi: AuthSettings['openWebUi']): ApiKeyRecord {
  return {
    id: SINGLE_KEY_ID,
    hash: hashApiKey(apiKey),
    scopes: Scopes.ALL.texts,
    user: undefined,
    assertsUser: openWebUi.trustUserHeaders || openWebUi.userJwtSecret !== undefined,
    expiresAt: undefined,
    lastUsedAt: undefined,
    createdAt: 0,
  };
}

function toEntry(record: ApiKeyRecord, source: ApiKeySource): Entry {
  const { id, assertsUser } = record;
  const scopes = new Scopes(record.scopes);
  return {
    key: { id, source, assertsUser, scopes, principal: toPrincipal(record, scopes) },
    digest: toDigest(record.hash),
    expiresAt: record.expiresAt ?? Number.POSITIVE_INFINITY,
  };
}

/** Always as long as a SHA-256, so that a broken record matches nothing and breaks nothing. */
function toDigest(hash: string): Buffer {
  const digest = Buffer.alloc(32);
  Buffer.from(hash, 'hex').copy(digest);
  return digest;
}

function toPrincipal({ id, user }: ApiKeyRecord, scopes: Scopes): Principal {
  if (user === undefined) return { kind: 'api-key', keyId: id, scopes };
  return {
    kind: 'user',
    issuer: user.issuer,
    subject: user.subject,
    groups: [],
    scopes,
    keyId: id,
  };
}
