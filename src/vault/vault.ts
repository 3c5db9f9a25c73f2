import type { UserId, UserProfile } from '../auth/user.ts';
import { UserVariableValueError, VaultUnavailableError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redactor } from '../telemetry/redactor.ts';
import { CHANGES_KEPT_MS, ChangeFeed, type SecretChangeListener } from './change-feed.ts';
import { isReadable, open, seal } from './cipher.ts';
import { ERASURES_KEPT_MS } from './erasures.ts';
import { guardStore } from './guarded-store.ts';
import type { Keyring } from './keyring.ts';
import type { NewSecret, RefusedCredentials, SecretRow, ToolUse } from './secret-rows.ts';
import type { Store } from './secret-store.ts';
import {
  createLink,
  LINK_REMEMBERED_MS,
  type LinkProfile,
  readLink,
  redeemLink,
  type SetupLink,
} from './setup-links.ts';
import { UseNotes } from './use-notes.ts';
import { UserProfiles } from './user-profiles.ts';
import { ValueCache } from './value-cache.ts';
import { VaultKeys } from './vault-keys.ts';

export type { SecretChangeListener } from './change-feed.ts';
export type { RefusedCredentials, ToolUse } from './secret-rows.ts';
export { LINK_LIFETIME_MS, type LinkProfile, type SetupLink } from './setup-links.ts';

const TIDY_EVERY_MS = 600_000;
/** The last four characters of anything shorter would reveal too much of it. */
const MIN_LENGTH_FOR_LAST_FOUR = 12;

/** All that is ever shown of a secret. Times are milliseconds since the epoch. */
export interface SecretFacts extends Pick<SecretRow, 'owner' | 'server' | 'name' | 'updatedAt' | 'lastUsedAt'> {
  /** The value's last four characters; stored only where the admin allows it. */
  readonly lastFour: string | undefined;
  /** `false`: no key of the keyring opens it, or it was tampered with. */
  readonly isReadable: boolean;
}

export interface VaultOptions {
  /** Opens the store when it is first needed, and again until it can be opened. */
  readonly openStore: () => Promise<Store>;
  readonly keyring: Keyring;
  /** Reads the keys again when a secret turns up under one that is not in the ring, as after a rotation. */
  readonly reloadKeyring?: () => Promise<Keyring>;
  /** Whether the last four characters of longer values are stored to be shown. */
  readonly keepsLastFour: boolean;
  readonly logger: Logger;
  /** Learns every value for as long as it is in memory. */
  readonly redactor: Redactor;
  /** Who has sessions now: they end when their owner is erased elsewhere. */
  readonly sessionOwners?: (() => Iterable<UserId>) | undefined;
  /** Who is the person of an identity now; absent: nobody has several. */
  readonly personOf?: ((owner: UserId) => Promise<UserId>) | undefined;
  /** Called after each operation on the store. */
  readonly onStoreUse?: ((operation: keyof Store, isDone: boolean) => void) | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/**
 * Each user's own values. Write-only towards people: only `values` returns any, to open a session with.
 * Every method rejects with `VaultUnavailableError` when the database cannot be used.
 */
export class Vault {
  readonly #options: VaultOptions;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #keys: VaultKeys;
  readonly #cache: ValueCache;
  readonly #feed: ChangeFeed;
  readonly #notes: UseNotes;
  readonly #profiles: UserProfiles;
  #tidiedAt = Number.NEGATIVE_INFINITY;

  private constructor(options: VaultOptions) {
    const { openStore, logger, keyring, reloadKeyring, onStoreUse, now = Date.now } = options;
    const store = guardStore(openStore, logger, onStoreUse);
    this.#options = options;
    this.#store = store;
    this.#now = now;
    this.#cache = new ValueCache(options.redactor);
    this.#keys = new VaultKeys({ store, logger, now, keyring, reloadKeyring });
    this.#notes = new UseNotes(store, now);
    this.#profiles = new UserProfiles({ store, keys: this.#keys, now });
    const { sessionOwners = () => [] } = options;
    this.#feed = new ChangeFeed({ store, cache: this.#cache, notes: this.#notes, sessionOwners, logger, now });
  }

  /**
   * Opens the vault. Rejects with `ConfigError` when it was made with other keys than these; where the database is away
   * the keys are checked when it is back, and until then whatever needs it rejects with `VaultUnavailableError`.
   */
  static async open(options: VaultOptions): Promise<Vault> {
    const vault = new Vault(options);
    try {
      await vault.#keys.prove();
    } catch (error) {
      if (!(error instanceof VaultUnavailableError)) throw error;
    }
    return vault;
  }

  /**
   * What an owner has set for a server, by name; from memory while nothing has changed, so that it works while the
   * database is away. Rejects with `SecretUnreadableError` when one of them cannot be decrypted.
   */
  async values(owner: UserId, server: string): Promise<ReadonlyMap<string, string>> {
    const cached = this.#cache.get(owner, server);
    if (cached !== undefined) return cached;
    // First, so that a change after the reading is reported, and one before it ends no session that begins with it. Not
    // as a part of the load: the notices of what was saved before would discard the values that are read after them.
    await this.#feed.catchUp();
    return (
      this.#cache.get(owner, server) ??
      this.#cache.load(owner, server, async () => {
        const { rows, keyring } = await this.#withKeyring(this.#store.get(owner, server));
        return new Map(rows.map((row) => [row.name, open(keyring, row)]));
      })
    );
  }

  /**
   * Stores values by name, all of them or none, with one change notice. Rejects with `UserVariableValueError` for text
   * that is not well-formed; after `VaultUnavailableError` it is not known whether they were stored.
   */
  async set(identity: UserId, server: string, values: ReadonlyMap<string, string>): Promise<void> {
    for (const [name, value] of values) {
      if (!value.isWellFormed()) throw new UserVariableValueError(`The value of ${name} contains half a character.`);
    }
    if (values.size === 0) return;
    const owner = await this.#personOf(identity);
    await this.#cache.holding(values, async () => {
      const keyring = await this.#keys.forWriting();
      const secrets = [...values].map(([name, value]): NewSecret => {
        const place = { owner, server, name };
        return { place, seal: (version) => seal(keyring, place, version, value), lastFour: this.#lastFour(value) };
      });
      await this.#feed.make(owner, server, () => this.#store.put(secrets, this.#now()));
    });
    this.noteCredentials(owner, server, false);
    await this.#tidy();
  }

  /** `false` when there was nothing to remove. */
  async remove(identity: UserId, server: string, name: string): Promise<boolean> {
    const owner = await this.#personOf(identity);
    const remove = () => this.#store.remove({ owner, server, name }, this.#now());
    const isRemoved = (await this.#feed.make(owner, server, remove)) > 0;
    if (isRemoved) this.noteCredentials(owner, server, false);
    return isRemoved;
  }

  /** Removes secrets, links, page sessions, uses and everything else about an owner; returns how many secrets there were. */
  async erase(identity: UserId): Promise<number> {
    const owner = await this.#personOf(identity);
    await this.#notes.forgetOwner(owner);
    await this.#profiles.forgetOwner(owner);
    const count = await this.#feed.make(owner, undefined, () => this.#store.erase(owner, this.#now()));
    await this.#tidy();
    return count;
  }

  /** Ends an owner's sessions with one server, or with all, on every replica; nothing that is stored changes. */
  async endSessions(owner: UserId, server: string | undefined): Promise<void> {
    await this.#feed.make(owner, server, () => this.#store.announce(owner, server, this.#now()));
  }

  /** The secrets of one owner, or of all, by owner, server and name. Each is decrypted to see whether it can be. */
  async facts(owner?: UserId): Promise<readonly SecretFacts[]> {
    const { rows, keyring } = await this.#withKeyring(this.#store.list(owner));
    return rows.map((row) => {
      const { owner, server, name, updatedAt, lastUsedAt, lastFour } = row;
      return { owner, server, name, updatedAt, lastUsedAt, lastFour, isReadable: isReadable(keyring, row) };
    });
  }

  /** Notes that a user's call ran: stored with others within seconds. */
  noteUse(user: UserProfile, server: string, tool: string): void {
    const { issuer, subject } = user;
    this.#notes.noteUse({ issuer, subject }, server, tool);
    this.#profiles.note(user);
  }

  /** Notes what people know a user by, as far as it is known; stored within seconds, costs nothing where it is known. */
  noteProfile(user: UserProfile): void {
    this.#profiles.note(user);
  }

  /** Names and e-mail addresses of one user or of all, by `toUserKey`, to be shown and searched: they identify nobody. */
  profiles(owner?: UserId): Promise<ReadonlyMap<string, LinkProfile>> {
    return this.#profiles.list(owner);
  }

  /** The latest uses first, at most `limit`. */
  async recentUses(owner: UserId, limit: number): Promise<readonly ToolUse[]> {
    await this.#notes.flush();
    return this.#store.recentUses(owner, limit);
  }

  /** Notes that a server refused an owner's credentials, or accepted them; costs nothing where that is known already. */
  noteCredentials(owner: UserId, server: string, isRefused: boolean): void {
    this.#notes.noteCredentials(owner, server, isRefused);
  }

  /** Whether anything is known of a user: a value, a call, a log-in; not a setup link. */
  async knows(owner: UserId): Promise<boolean> {
    await Promise.all([this.#notes.flush(), this.#profiles.flush()]);
    return this.#store.knows(owner);
  }

  async refused(owner: UserId): Promise<readonly RefusedCredentials[]> {
    await this.#notes.flush();
    return this.#store.refused(owner);
  }

  /** Makes a setup link's token: one use, fifteen minutes, for one owner and server. */
  async createLink(wanted: SetupLink): Promise<string> {
    const link = { ...wanted, owner: await this.#personOf(wanted.owner) };
    const token = await createLink(this.#store, link, this.#now());
    this.#profiles.note({ ...link.owner, ...link.profile });
    await this.#tidy();
    return token;
  }

  /** Reads a link and leaves it as it is. Rejects with `SetupLinkError` for one that cannot be redeemed. */
  readLink(token: string): Promise<SetupLink> {
    return readLink(this.#store, token, this.#now());
  }

  /** Uses a link up. Rejects with `SetupLinkError` for one that was used, has expired or never existed. */
  redeemLink(token: string): Promise<SetupLink> {
    return redeemLink(this.#store, token, this.#now());
  }

  /** Calls back after changes of any replica and of the command line; returns how to stop that. */
  onChange(listener: SecretChangeListener): () => void {
    return this.#feed.listen(listener);
  }

  /** Reports every change that was made so far, of other replicas too. */
  catchUp(): Promise<void> {
    return this.#feed.catchUp();
  }

  /** The ring to read and write secrets with. */
  keyring(): Promise<Keyring> {
    return this.#keys.forWriting();
  }

  #personOf(identity: UserId): Promise<UserId> | UserId {
    return this.#options.personOf?.(identity) ?? identity;
  }

  /** Stores what is noted and not yet stored. */
  async close(): Promise<void> {
    await this.#feed.close();
    await this.#notes.close();
    await this.#profiles.flush();
  }

  #lastFour(value: string): string | undefined {
    const characters = Array.from(value);
    const isShown = this.#options.keepsLastFour && characters.length >= MIN_LENGTH_FOR_LAST_FOUR;
    return isShown ? characters.slice(-4).join('') : undefined;
  }

  async #withKeyring(
    reading: Promise<readonly SecretRow[]>,
  ): Promise<{ rows: readonly SecretRow[]; keyring: Keyring }> {
    const rows = await reading;
    return { rows, keyring: await this.#keys.forReading(rows.map(({ keyId }) => keyId)) };
  }

  /** Now and then; the caller is not concerned whether it works. */
  async #tidy(): Promise<void> {
    const now = this.#now();
    if (now - this.#tidiedAt < TIDY_EVERY_MS) return;
    this.#tidiedAt = now;
    const times = { links: now - LINK_REMEMBERED_MS, changes: now - CHANGES_KEPT_MS, erasures: now - ERASURES_KEPT_MS };
    await this.#store.tidy(times).catch(() => undefined);
  }
}
