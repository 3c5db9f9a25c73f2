import { createHash } from 'node:crypto';
import type { UserId } from '../auth/user.ts';
import { UserVariableValueError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import { CHANGES_KEPT_MS, ChangeFeed } from './change-feed.ts';
import { isReadable, open, seal } from './cipher.ts';
import { DatabaseGuard } from './database-guard.ts';
import type { Keyring } from './keyring.ts';
import { countUnknownKeys } from './rewrap-secrets.ts';
import type { NewSecret, SecretRow, SecretStore } from './secret-store.ts';
import { createLink, LINK_REMEMBERED_MS, readLink, redeemLink } from './setup-links.ts';
import { UseNotes } from './use-notes.ts';
import { ValueCache } from './value-cache.ts';
import type { RefusedCredentials, SecretChangeListener, SecretFacts, SetupLink, ToolUse, Vault } from './vault.ts';
import { VaultKeys } from './vault-keys.ts';

const TIDY_EVERY_MS = 600_000;
/** The last four characters of anything shorter would tell too much of it. */
const MIN_LENGTH_FOR_LAST_FOUR = 12;

export interface VaultOptions {
  readonly store: SecretStore;
  readonly keyring: Keyring;
  /** Reads the keys again when a secret turns up under one that is not in the ring, as after a rotation. */
  readonly reloadKeyring?: () => Keyring;
  /** Whether the last four characters of longer values are kept to be shown. */
  readonly keepsLastFour: boolean;
  readonly logger: Logger;
  /** Learns every value for as long as it is in memory. */
  readonly redactor: Redactor;
  /** Who has sessions now: they end when their owner is erased elsewhere. */
  readonly sessionOwners?: (() => Iterable<UserId>) | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** The vault over a store; see `Vault` for what its methods promise. */
export class StoredVault implements Vault {
  readonly #options: VaultOptions;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #guard: DatabaseGuard;
  readonly #keys: VaultKeys;
  readonly #cache: ValueCache;
  readonly #feed: ChangeFeed;
  readonly #notes: UseNotes;
  readonly #listeners = new Set<SecretChangeListener>();
  #tidiedAt = Number.NEGATIVE_INFINITY;

  constructor(options: VaultOptions) {
    const { store, logger, keyring, reloadKeyring, now = Date.now } = options;
    this.#options = options;
    this.#logger = logger;
    this.#now = now;
    this.#guard = new DatabaseGuard(logger);
    this.#cache = new ValueCache(options.redactor);
    const shared = { store, guard: this.#guard, logger, now };
    this.#keys = new VaultKeys({ ...shared, keyring, reloadKeyring });
    this.#notes = new UseNotes(shared);
    this.#feed = new ChangeFeed({
      ...shared,
      isNeeded: () => this.#listeners.size > 0 || !this.#cache.isEmpty,
      onDrop: (owner, server) => this.#cache.drop(owner, server),
      onChange: (owner, server) => this.#tell(owner, server),
      onGap: () => this.#changesMissed(),
      knownOwners: () => [...this.#cache.owners(), ...this.#notes.owners(), ...(options.sessionOwners?.() ?? [])],
    });
  }

  /** Rejects with `ConfigError` for keys that are not this vault's, `VaultUnavailableError`. */
  async proveKeys(): Promise<void> {
    await this.#keys.prove();
    const { store, keyring } = this.#options;
    const unknown = await this.#guard.run(() => countUnknownKeys(store, keyring));
    if (unknown.size === 0) return;
    this.#logger.warn('secrets lie under keys that were not given; they are kept and cannot be read without them', {
      secrets: [...unknown.values()].reduce((sum, count) => sum + count),
      keys: [...unknown.keys()].join(),
    });
  }

  async values(owner: UserId, server: string): Promise<ReadonlyMap<string, string>> {
    const cached = this.#cache.get(owner, server);
    if (cached !== undefined) return cached;
    // First, so that a change after the reading is told, and one before it ends no session that begins with it. Not as a
    // part of the load: the notices of what was saved before would discard the values that are read after them.
    await this.#feed.catchUp();
    return (
      this.#cache.get(owner, server) ??
      this.#cache.load(owner, server, async () => {
        const { rows, keyring } = await this.#read(() => this.#options.store.get(owner, server));
        return new Map(rows.map((row) => [row.name, open(keyring, row)]));
      })
    );
  }

  async set(owner: UserId, server: string, values: ReadonlyMap<string, string>): Promise<void> {
    for (const [name, value] of values) {
      if (!value.isWellFormed()) throw new UserVariableValueError(`The value of ${name} holds half a character.`);
    }
    if (values.size === 0) return;
    await this.#cache.holding(values.values(), async () => {
      const keyring = await this.#keys.forWriting();
      const secrets = [...values].map(([name, value]): NewSecret => {
        const place = { owner, server, name };
        return { place, seal: (version) => seal(keyring, place, version, value), lastFour: this.#lastFour(value) };
      });
      await this.#feed.make(owner, server, () => this.#guard.run(() => this.#options.store.put(secrets, this.#now())));
    });
    this.#takeBackRefusal(owner, server);
    await this.#tidy();
  }

  async remove(owner: UserId, server: string, name: string): Promise<boolean> {
    const remove = () => this.#options.store.remove({ owner, server, name }, this.#now());
    const isRemoved = await this.#feed.make(owner, server, () => this.#guard.run(remove), Boolean);
    if (isRemoved) this.#takeBackRefusal(owner, server);
    return isRemoved;
  }

  async erase(owner: UserId): Promise<number> {
    await this.#notes.forgetOwner(owner);
    const erase = () => this.#options.store.erase(owner, this.#now());
    const count = await this.#feed.make(owner, undefined, () => this.#guard.run(erase));
    await this.#tidy();
    return count;
  }

  async facts(owner?: UserId): Promise<readonly SecretFacts[]> {
    const { rows, keyring } = await this.#read(() => this.#options.store.list(owner));
    return rows.map((row) => toFacts(row, keyring));
  }

  noteUse(owner: UserId, server: string, tool: string): void {
    this.#notes.noteUse(owner, server, tool);
  }

  async recentUses(owner: UserId, limit: number): Promise<readonly ToolUse[]> {
    await this.#notes.flush();
    return this.#guard.run(() => this.#options.store.recentUses(owner, limit));
  }

  noteCredentials(owner: UserId, server: string, isRefused: boolean): void {
    this.#notes.noteCredentials(owner, server, isRefused);
  }

  async refused(owner: UserId): Promise<readonly RefusedCredentials[]> {
    await this.#notes.flush();
    return this.#guard.run(() => this.#options.store.refused(owner));
  }

  async createLink(link: SetupLink): Promise<string> {
    const token = await createLink(link, this.#linkOptions());
    await this.#tidy();
    return token;
  }

  readLink(token: string): Promise<SetupLink> {
    return readLink(token, this.#linkOptions());
  }

  redeemLink(token: string): Promise<SetupLink> {
    return redeemLink(token, this.#linkOptions());
  }

  async beginSession(id: string, owner: UserId | undefined, expiresAt: number): Promise<void> {
    await this.#guard.run(() => this.#options.store.addSession({ hash: hashOf(id), owner, expiresAt }));
    await this.#tidy();
  }

  hasSession(id: string): Promise<boolean> {
    return this.#guard.run(() => this.#options.store.hasSession(hashOf(id), this.#now()));
  }

  endSession(id: string): Promise<void> {
    return this.#guard.run(() => this.#options.store.endSession(hashOf(id)));
  }

  onChange(listener: SecretChangeListener): () => void {
    // A listener of its own each time: the same function may be added twice.
    const own: SecretChangeListener = (owner, server) => listener(owner, server);
    this.#listeners.add(own);
    // The guard has said it in the log, and the feed goes on trying.
    this.#feed.start().catch(() => undefined);
    return () => {
      this.#listeners.delete(own);
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#feed.close();
    await this.#notes.close();
    this.#cache.close();
  }

  #linkOptions() {
    return { store: this.#options.store, guard: this.#guard, now: this.#now() };
  }

  #lastFour(value: string): string | undefined {
    const characters = Array.from(value);
    const isShown = this.#options.keepsLastFour && characters.length >= MIN_LENGTH_FOR_LAST_FOUR;
    return isShown ? characters.slice(-4).join('') : undefined;
  }

  async #read(
    read: () => Promise<readonly SecretRow[]>,
  ): Promise<{ readonly rows: readonly SecretRow[]; readonly keyring: Keyring }> {
    const rows = await this.#guard.run(read);
    return { rows, keyring: await this.#keys.forReading(rows.map(({ keyId }) => keyId)) };
  }

  #takeBackRefusal(owner: UserId, server: string): void {
    this.#notes.forgetCredentials(owner, server);
    this.#notes.noteCredentials(owner, server, false);
  }

  #tell(owner: UserId, server: string | undefined): void {
    if (server === undefined) void this.#notes.forgetOwner(owner);
    else this.#notes.forgetCredentials(owner, server);
    for (const listener of [...this.#listeners]) {
      try {
        listener(owner, server);
      } catch (error) {
        const reason = error instanceof Error ? error.name : typeof error;
        this.#logger.error('a change of a secret could not be passed on', { reason });
      }
    }
  }

  /** Whoever has a session has its values in the cache, which holds more than there may be sessions. */
  #changesMissed(): void {
    const dropped = this.#cache.dropAll();
    this.#logger.warn('changes of secrets may have been missed; sessions of users are opened anew', {
      sessions: dropped.length,
    });
    for (const { owner, server } of dropped) this.#tell(owner, server);
  }

  /** Now and then; whether it works is of no interest to who comes by. */
  async #tidy(): Promise<void> {
    const now = this.#now();
    if (now - this.#tidiedAt < TIDY_EVERY_MS) return;
    this.#tidiedAt = now;
    const { store } = this.#options;
    const tidy = async () => {
      await store.removeLinks(now - LINK_REMEMBERED_MS);
      await store.removeSessions(now);
      await store.removeChanges(now - CHANGES_KEPT_MS);
    };
    await this.#guard.run(tidy).catch(() => undefined);
  }
}

function hashOf(sessionId: string): string {
  return createHash('sha256').update(sessionId).digest('hex');
}

/** It is decrypted to see whether it can be. */
function toFacts(row: SecretRow, keyring: Keyring): SecretFacts {
  const { owner, server, name, updatedAt, lastUsedAt, lastFour } = row;
  return { owner, server, name, updatedAt, lastUsedAt, lastFour, isReadable: isReadable(keyring, row) };
}
