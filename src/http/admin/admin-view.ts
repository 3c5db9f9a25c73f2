import type { Request } from 'express';
import { toUserKey } from '../../auth/user.ts';
import type { SecretFacts } from '../../vault/vault.ts';
import type { AccountView } from '../vault/vault-page-view.ts';
import type { AdminServer } from './admin-facts.ts';
import type { AdminSecretView, AdminServerView, AdminView } from './admin-page-view.ts';

const SECRETS_PER_PAGE = 200;
const MAX_SESSIONS_SHOWN = 200;
const MAX_SEARCH_CHARACTERS = 200;

/** What the admin's page shows beside its frame: the servers, and the page of secrets that the query asks for. */
export function toAdminView(
  servers: readonly AdminServer[],
  secrets: readonly SecretFacts[],
  query: Request['query'],
  to: (path: string) => string,
): Omit<AdminView, keyof AccountView | 'vaultUrl'> {
  const search = typeof query.user === 'string' ? query.user.trim().slice(0, MAX_SEARCH_CHARACTERS) : '';
  const found = search === '' ? secrets : secrets.filter((secret) => isOf(secret, search.toLowerCase()));
  const pageCount = Math.max(1, Math.ceil(found.length / SECRETS_PER_PAGE));
  const page = Math.min(pageCount, Math.max(1, Math.trunc(Number(query.page)) || 1));
  const pageUrl = (number: number) => {
    const target = new URLSearchParams({ ...(search === '' ? {} : { user: search }), page: String(number) });
    return `${to('admin')}?${target}#users`;
  };
  return {
    servers: servers.map((server) => toServerView(server, to)),
    users: toUsers(found.slice((page - 1) * SECRETS_PER_PAGE, page * SECRETS_PER_PAGE)),
    search,
    searchUrl: `${to('admin')}#users`,
    secretCount: secrets.length,
    page,
    pageCount,
    previousUrl: page > 1 ? pageUrl(page - 1) : undefined,
    nextUrl: page < pageCount ? pageUrl(page + 1) : undefined,
    eraseUrl: to('admin/erase'),
  };
}

function toServerView({ sessions, otherLists, ...server }: AdminServer, to: (path: string) => string): AdminServerView {
  return {
    ...server,
    restartUrl: to(`admin/servers/${encodeURIComponent(server.name)}/restart`),
    toolsUrl: to(`admin/servers/${encodeURIComponent(server.name)}/tools`),
    otherLists: otherLists.map(({ owner, ...list }) => ({ ...list, who: `${owner.subject} (${owner.issuer})` })),
    sessionCount: sessions.length,
    sessions: sessions.slice(0, MAX_SESSIONS_SHOWN).map(({ owner, ...session }) => ({
      ...session,
      who: owner === undefined ? 'everybody' : `${owner.subject} (${owner.issuer})`,
    })),
  };
}

function isOf({ owner: { issuer, subject } }: SecretFacts, search: string): boolean {
  return subject.toLowerCase().includes(search) || issuer.toLowerCase().includes(search);
}

/** Groups secrets by their owners; the last four characters are the owner's own business. */
function toUsers(secrets: readonly SecretFacts[]): AdminView['users'] {
  const users = new Map<string, { issuer: string; subject: string; secrets: AdminSecretView[] }>();
  for (const { owner, server, name, updatedAt, lastUsedAt, isReadable } of secrets) {
    const key = toUserKey(owner);
    const user = users.get(key) ?? { issuer: owner.issuer, subject: owner.subject, secrets: [] };
    user.secrets.push({ server, name, updatedAt, lastUsedAt, isReadable });
    users.set(key, user);
  }
  return [...users.values()];
}
