import { toUserKey, type UserId } from '../../../src/auth/user.ts';
import {
  type ListedPageSession,
  type NewPageSession,
  type PageSessionRegister,
  type ProviderLogOut,
  toHandle,
} from '../../../src/vault/page-session-store.ts';

/** The log-ins of the pages, in memory. */
export class MemoryPageSessions implements PageSessionRegister {
  readonly rows = new Map<string, ListedPageSession & Pick<NewPageSession, 'provider'>>();
  readonly #used = new Set<string>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async begin({ id, ...session }: NewPageSession) {
    const handle = toHandle(id);
    this.rows.set(handle, { ...session, handle, createdAt: this.#now(), lastSeenAt: this.#now() });
  }

  async isCurrent(id: string) {
    return (this.rows.get(toHandle(id))?.expiresAt ?? 0) > this.#now();
  }

  async list(owner?: UserId) {
    const rows = [...this.rows.values()].filter((row) => owner === undefined || isOf(row, owner));
    return rows.filter(({ expiresAt }) => expiresAt > this.#now());
  }

  async end(id: string) {
    this.rows.delete(toHandle(id));
  }

  async endListed(handle: string, owner?: UserId) {
    const row = this.rows.get(handle);
    return row !== undefined && (owner === undefined || isOf(row, owner)) && this.rows.delete(handle);
  }

  async endAllOf(owner: UserId) {
    const rows = await this.list(owner);
    for (const { handle } of rows) this.rows.delete(handle);
    return rows.length;
  }

  async endOfProvider({ issuer, sid, subject }: ProviderLogOut, notice: { readonly id: string }) {
    if (this.#used.has(notice.id)) return undefined;
    this.#used.add(notice.id);
    const rows = [...this.rows.values()].filter(
      ({ provider }) =>
        provider?.issuer === issuer &&
        (sid === undefined || provider.sid === sid) &&
        (subject === undefined || provider.subject === subject),
    );
    for (const { handle } of rows) this.rows.delete(handle);
    return rows.flatMap(({ owner }) => owner ?? []);
  }
}

function isOf({ owner }: Pick<ListedPageSession, 'owner'>, user: UserId): boolean {
  return owner !== undefined && toUserKey(owner) === toUserKey(user);
}
