import { toUserKey, type UserId } from '../../../src/auth/user.ts';
import type {
  FoundLink,
  NewSecret,
  OwnedUse,
  ProfileRow,
  RefusedCredentials,
  SecretChange,
  SecretPlace,
  SecretRow,
  SetupLinkRow,
  VaultKeyRow,
} from '../../../src/vault/secret-rows.ts';
import type { Store } from '../../../src/vault/secret-store.ts';

/** A `Store` without a database, which can be taken away and made to wait; counts what is asked of it. */
export class MemoryStore implements Store {
  rows: SecretRow[] = [];
  vaultKeys: VaultKeyRow[] = [];
  changes: (SecretChange & { readonly time: number })[] = [];
  uses: OwnedUse[] = [];
  refusals: (RefusedCredentials & { readonly owner: UserId })[] = [];
  profileRows: ProfileRow[] = [];
  readonly links = new Map<string, FoundLink>();
  readonly asked = new Map<string, number>();
  isAway = false;
  /** Awaited after `get` has read its rows. */
  afterGet: Promise<void> = Promise.resolve();
  /** Awaited after `put` has written. */
  afterPut: Promise<void> = Promise.resolve();
  #revision = 0;

  async get(owner: UserId, server: string) {
    this.#ask('get');
    const rows = this.rows.filter((row) => isOwner(row, owner) && row.server === server);
    await this.afterGet;
    return rows;
  }

  async list(owner?: UserId) {
    this.#ask('list');
    const rows = this.rows.filter((row) => owner === undefined || isOwner(row, owner));
    return rows.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  }

  async put(secrets: readonly NewSecret[], now: number) {
    this.#ask('put');
    let { rows } = this;
    for (const { place, seal, lastFour } of secrets) {
      const before = rows.find((row) => sortKey(row) === sortKey(place));
      const version = (before?.version ?? 0) + 1;
      const row = { ...place, ...seal(version), version, lastFour, updatedAt: now, lastUsedAt: before?.lastUsedAt };
      rows = [...rows.filter((one) => one !== before), row];
    }
    this.rows = rows;
    const changed = new Map(secrets.map(({ place }) => [`${toUserKey(place.owner)} ${place.server}`, place]));
    for (const { owner, server } of changed.values()) this.#note(owner, server, now);
    await this.afterPut;
    return secrets.length;
  }

  async putProfiles(profiles: readonly ProfileRow[]) {
    this.#ask('putProfiles');
    const left = this.profileRows.filter((row) => !profiles.some(({ owner }) => isOwner(row, owner)));
    this.profileRows = [...left, ...profiles];
  }

  async profiles(owner?: UserId) {
    this.#ask('profiles');
    return this.profileRows.filter((row) => owner === undefined || isOwner(row, owner));
  }

  async remove(place: SecretPlace, now: number) {
    this.#ask('remove');
    const rows = this.rows.filter((row) => sortKey(row) !== sortKey(place));
    const isRemoved = rows.length < this.rows.length;
    this.rows = rows;
    if (isRemoved) this.#note(place.owner, place.server, now);
    return isRemoved ? 1 : 0;
  }

  async erase(owner: UserId, now: number) {
    this.#ask('erase');
    this.profileRows = this.profileRows.filter((row) => !isOwner(row, owner));
    const rows = this.rows.filter((row) => !isOwner(row, owner));
    const count = this.rows.length - rows.length;
    this.rows = rows;
    this.uses = this.uses.filter((use) => !isOwner(use, owner));
    this.refusals = this.refusals.filter((refusal) => !isOwner(refusal, owner));
    this.#note(owner, undefined, now);
    return count;
  }

  async announce(owner: UserId, server: string | undefined, now: number) {
    this.#ask('announce');
    this.#note(owner, server, now);
    return 1;
  }

  async countByKey() {
    this.#ask('countByKey');
    const counts = new Map<string, number>();
    for (const { keyId } of this.rows) counts.set(keyId, (counts.get(keyId) ?? 0) + 1);
    return counts;
  }

  async rewrap(row: SecretRow, keyId: string, cipherText: string) {
    this.#ask('rewrap');
    const isSame = (one: SecretRow) =>
      sortKey(one) === sortKey(row) && one.version === row.version && one.cipherText === row.cipherText;
    const found = this.rows.find(isSame);
    this.rows = this.rows.map((one) => (one === found ? { ...one, keyId, cipherText } : one));
    return found !== undefined;
  }

  async keys() {
    this.#ask('keys');
    return this.vaultKeys;
  }

  async addKey(row: VaultKeyRow) {
    this.#ask('addKey');
    if (this.vaultKeys.every(({ keyId }) => keyId !== row.keyId)) this.vaultKeys = [...this.vaultKeys, row];
  }

  async addLink(link: SetupLinkRow) {
    this.#ask('addLink');
    this.links.set(link.hash, { ...link, wasUsed: false });
  }

  async getLink(hash: string) {
    this.#ask('getLink');
    return this.links.get(hash);
  }

  async useLink(hash: string) {
    this.#ask('useLink');
    const found = this.links.get(hash);
    if (found === undefined || found.wasUsed) return false;
    this.links.set(hash, { ...found, profile: undefined, wasUsed: true });
    return true;
  }

  async addUses(uses: readonly OwnedUse[]) {
    this.#ask('addUses');
    this.uses = [...this.uses, ...uses];
  }

  async knows(owner: UserId) {
    this.#ask('knows');
    const isOne = (row: { readonly owner: UserId }) => isOwner(row, owner);
    return this.rows.some(isOne) || this.uses.some(isOne) || this.refusals.some(isOne);
  }

  async hasAnythingOf(owner: UserId) {
    return this.knows(owner);
  }

  async recentUses(owner: UserId, limit: number) {
    this.#ask('recentUses');
    const uses = this.uses.filter((use) => isOwner(use, owner)).sort((a, b) => b.lastUsedAt - a.lastUsedAt);
    return uses.slice(0, limit).map(({ owner: _, ...use }) => use);
  }

  async markRefused(owner: UserId, server: string, since: number | undefined) {
    this.#ask('markRefused');
    this.refusals = this.refusals.filter((one) => !isOwner(one, owner) || one.server !== server);
    if (since !== undefined) this.refusals.push({ owner, server, since });
  }

  async refused(owner: UserId) {
    this.#ask('refused');
    return this.refusals.filter((one) => isOwner(one, owner)).map(({ server, since }) => ({ server, since }));
  }

  async revision() {
    this.#ask('revision');
    return this.#revision;
  }

  async changesAfter(revision: number) {
    this.#ask('changesAfter');
    return this.changes.filter((change) => change.revision > revision);
  }

  async tidy({ links, changes }: Parameters<Store['tidy']>[0]) {
    this.#ask('tidy');
    for (const [hash, { expiresAt }] of this.links) if (expiresAt < links) this.links.delete(hash);
    this.changes = this.changes.filter((change) => change.time >= changes);
  }

  times(name: keyof Store): number {
    return this.asked.get(name) ?? 0;
  }

  #ask(name: keyof Store): void {
    this.asked.set(name, this.times(name) + 1);
    if (this.isAway) throw Object.assign(new Error('password=hunter22 canary'), { code: 'ECONNREFUSED' });
  }

  #note(owner: UserId, server: string | undefined, time: number): void {
    this.#revision++;
    this.changes.push({ revision: this.#revision, owner, server, time });
  }
}

function isOwner({ owner }: { readonly owner: UserId }, other: UserId): boolean {
  return toUserKey(owner) === toUserKey(other);
}

function sortKey({ owner, server, name }: SecretPlace): string {
  return [owner.issuer, owner.subject, server, name].join('\n');
}
