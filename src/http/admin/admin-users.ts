import type { Request } from 'express';
import { matchesUser, toUserKey, toUserName } from '../../auth/user.ts';
import type { LinkProfile, SecretFacts } from '../../vault/vault.ts';

const SECRETS_PER_PAGE = 200;
const MAX_SEARCH_CHARACTERS = 200;

/** A user with the values they have set. */
interface AdminUser {
  readonly issuer: string;
  readonly subject: string;
  /** Name and e-mail address where known, else the subject. */
  readonly who: string;
  readonly secrets: readonly SecretFacts[];
}

/** A page of the list of users, for `?user=…&page=…`. */
export interface AdminUsers {
  readonly users: readonly AdminUser[];
  /** What was searched for. */
  readonly search: string;
  readonly secretCount: number;
  /** 1-based. */
  readonly page: number;
  readonly pageCount: number;
}

/** What people know users by, as `Vault.profiles` returns it. */
export type KnownProfiles = ReadonlyMap<string, LinkProfile>;

/** The text of `?user=…`, which finds people in every section. */
export function readSearch(query: Request['query']): string {
  return typeof query.user === 'string' ? query.user.trim().slice(0, MAX_SEARCH_CHARACTERS) : '';
}

/** The page of users that a query asks for: those whose id, name or e-mail address contains the search text. */
export function findUsers(
  secrets: readonly SecretFacts[],
  profiles: KnownProfiles,
  query: Request['query'],
): AdminUsers {
  const search = readSearch(query);
  const found = secrets.filter(({ owner }) => matchesUser({ ...owner, ...profiles.get(toUserKey(owner)) }, search));
  const pageCount = Math.max(1, Math.ceil(found.length / SECRETS_PER_PAGE));
  const page = Math.min(pageCount, Math.max(1, Math.trunc(Number(query.page)) || 1));
  const users = toUsers(found.slice((page - 1) * SECRETS_PER_PAGE, page * SECRETS_PER_PAGE), profiles);
  return { users, search, secretCount: secrets.length, page, pageCount };
}

/** The link to a page of the list. */
export function toPageQuery(search: string, page: number): string {
  return `?${new URLSearchParams({ ...(search === '' ? {} : { user: search }), page: String(page) })}#users`;
}

function toUsers(secrets: readonly SecretFacts[], profiles: KnownProfiles): readonly AdminUser[] {
  const users = new Map<string, AdminUser & { secrets: SecretFacts[] }>();
  for (const secret of secrets) {
    const { issuer, subject } = secret.owner;
    const key = toUserKey(secret.owner);
    const who = toUserName({ subject, ...profiles.get(key) });
    const user = users.get(key) ?? { issuer, subject, who, secrets: [] };
    // The last four characters are for the owner only.
    user.secrets.push({ ...secret, lastFour: undefined });
    users.set(key, user);
  }
  return [...users.values()];
}
