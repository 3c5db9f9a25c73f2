import express, { type Router } from 'express';
import { toUserPrincipalId } from '../../auth/principal.ts';
import { matchesUser, toUserKey, type UserId } from '../../auth/user.ts';
import { FormValueError, NotFoundError } from '../../errors.ts';
import type { SessionFacts } from '../../servers/server-status.ts';
import { type ListedPageSession, type PageSessionRegister, toHandle } from '../../vault/page-session-store.ts';
import type { Vault } from '../../vault/vault.ts';
import type { AuditTrail } from '../audit-trail.ts';
import type { Done } from '../pages/notice.ts';
import type { PageSession } from '../vault/page-access.ts';
import { WAY_WORDS } from '../vault/session-view.ts';
import type { AdminForm, AdminGuard } from './admin-guard.ts';
import type { KnownProfiles } from './admin-users.ts';

const MAX_PEOPLE = 50;
/** Of one person, and of each kind. */
const MAX_ROWS = 50;

export interface AdminSessionDependencies {
  readonly registry: { endOwned(owner: UserId, server?: string): Promise<void> };
  readonly pageSessions: Pick<PageSessionRegister, 'list' | 'endListed' | 'endAllOf'>;
  readonly vault: Pick<Vault, 'endSessions'>;
  readonly audit: AuditTrail;
}

/** A person's sessions with servers and log-ins to the pages, as `admin-sessions.eta` shows them. */
interface Person {
  readonly who: string;
  /** `undefined`: an API key that belongs to no user. */
  readonly user: UserId | undefined;
  readonly sessions: (SessionFacts & { readonly server: string })[];
  readonly logIns: (ListedPageSession & { readonly wayInWords: string; readonly isThis: boolean })[];
}

/** The forms that end sessions with servers and log-ins to the pages. */
export function createSessionForms(guard: AdminGuard, dependencies: AdminSessionDependencies): Router {
  const { registry, pageSessions, vault, audit } = dependencies;
  const router = express.Router();
  router.post('/admin/sessions/end', guard.form(endSessions));
  router.post('/admin/sessions/end-log-in', guard.form(endLogIn));
  router.post('/admin/sessions/end-all', guard.form(endAll));
  router.get('/admin/sessions/:form', guard.back);
  return router;

  async function endSessions({ form, actor }: AdminForm): Promise<Done> {
    const user = toUser(form);
    const server = form.get('server') ?? '';
    if (server === '') throw new FormValueError('The form names no server.');
    await end(user, server);
    audit.record(actor, {
      eventType: 'session_ended',
      action: 'end_server_sessions',
      resource: server,
      subjectId: toUserPrincipalId(user),
      result: 'success',
    });
    return { done: 'sessions-ended' };
  }

  async function endLogIn({ form, actor }: AdminForm): Promise<Done> {
    const handle = form.get('session') ?? '';
    const ended = (await pageSessions.list()).find((one) => one.handle === handle);
    if (ended === undefined || !(await pageSessions.endListed(handle))) {
      throw new NotFoundError('This log-in has already ended.');
    }
    audit.record(actor, {
      eventType: 'session_ended',
      action: 'end_one',
      resource: 'vault',
      subjectId: ended.owner && toUserPrincipalId(ended.owner),
      result: 'success',
    });
    return { done: 'session-ended' };
  }

  async function endAll({ form, actor }: AdminForm): Promise<Done> {
    const user = toUser(form);
    const count = await pageSessions.endAllOf(user);
    await end(user);
    audit.record(actor, {
      eventType: 'session_ended',
      action: 'end_all',
      resource: 'vault',
      subjectId: toUserPrincipalId(user),
      result: 'success',
      details: { count },
    });
    return { done: 'person-logged-out', count };
  }

  /** Here at once, and on other replicas as after a change of the user's values. */
  async function end(user: UserId, server?: string): Promise<void> {
    await registry.endOwned(user, server);
    await vault.endSessions(user, server);
  }
}

/**
 * Who has sessions with servers, as far as this replica knows, and who is logged in to the pages, by person; of a search
 * only those whom it finds.
 */
export async function toSessionSection(
  { pageSessions }: Pick<AdminSessionDependencies, 'pageSessions'>,
  servers: readonly { readonly name: string; readonly sessions: readonly SessionFacts[] }[],
  session: PageSession,
  {
    profiles,
    toWho,
    search,
  }: {
    readonly profiles: KnownProfiles;
    readonly toWho: (user: UserId) => string;
    readonly search: string;
  },
) {
  const people = new Map<string, Person>();
  const personOf = (user: UserId | undefined, keyId = ''): Person => {
    const key = user === undefined ? `key ${keyId}` : `user ${toUserKey(user)}`;
    const who = user === undefined ? `API key “${keyId}”` : toWho(user);
    const person = people.get(key) ?? { who, user, sessions: [], logIns: [] };
    people.set(key, person);
    return person;
  };
  for (const { name: server, sessions } of servers) {
    for (const one of sessions) if (one.owner !== undefined) personOf(one.owner).sessions.push({ ...one, server });
  }
  for (const one of await pageSessions.list()) {
    const isThis = one.handle === toHandle(session.id);
    personOf(one.owner, one.keyId).logIns.push({ ...one, isThis, wayInWords: WAY_WORDS[one.way] });
  }
  const isFound = ({ user, who }: Person) =>
    user === undefined
      ? who.toLowerCase().includes(search.toLowerCase())
      : matchesUser({ ...user, ...profiles.get(toUserKey(user)) }, search);
  const found = [...people.values()].filter(isFound);
  return { people: found.slice(0, MAX_PEOPLE), peopleCount: found.length, maxRows: MAX_ROWS };
}

function toUser(form: URLSearchParams): UserId {
  const issuer = form.get('issuer') ?? '';
  const subject = form.get('subject') ?? '';
  if (issuer === '' || subject === '') throw new FormValueError('The form names no user.');
  return { issuer, subject };
}
