import { hash } from 'node:crypto';
import express, { type Router } from 'express';
import type { AuditLog } from '../../audit/audit-log.ts';
import { toUserKey, toUserName, type UserId } from '../../auth/user.ts';
import type { ServersFileEdits } from '../../config/edits/servers-file-edits.ts';
import { UserVariableValueError } from '../../errors.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import type { Vault } from '../../vault/vault.ts';
import { type Done, toDoneNotice } from '../pages/notice.ts';
import type { PageVisit } from '../pages/page-visit.ts';
import { toChangeText } from '../pages/reload-change.ts';
import { renderTemplate } from '../pages/render-template.ts';
import { toRelativeUrl } from '../urls.ts';
import { AllowedVariables, type VariableDependencies } from '../vault/allowed-variables.ts';
import type { ConfirmLogIn } from '../vault/confirm-log-in.ts';
import type { PageSession } from '../vault/page-access.ts';
import { toCaller } from '../vault/vault-caller.ts';
import { type AdminForm, type AdminGuardDependencies, createAdminGuard, type ShownBeside } from './admin-guard.ts';
import { type AdminKeyDependencies, createKeyForms, toKeySection } from './admin-keys.ts';
import { type AdminSessionDependencies, createSessionForms, toSessionSection } from './admin-sessions.ts';
import { findUsers, type KnownProfiles, readSearch, toPageQuery } from './admin-users.ts';
import { type AdminServer, toAdminServer } from './admin-view.ts';
import { createAddServerPages } from './edits/add-server.ts';
import { createEditToolsPages } from './edits/edit-tools.ts';
import { createServerForms } from './server-forms.ts';

const MAX_SESSIONS_SHOWN = 200;
const MAX_NAMES_SHOWN = 20;

export interface AdminPageDependencies
  extends AdminGuardDependencies,
    VariableDependencies,
    AdminSessionDependencies,
    Omit<AdminKeyDependencies, 'access'> {
  /** `undefined`: the servers file is not edited here. */
  readonly edits?: ServersFileEdits | undefined;
  readonly confirmLogIn: ConfirmLogIn;
  readonly registry: {
    list(): readonly AdminServer[];
    readonly servers: ReadonlyMap<string, AdminServer>;
    readonly lastReload: ServerRegistry['lastReload'];
  } & AdminSessionDependencies['registry'];
  readonly vault: Pick<Vault, 'facts' | 'profiles' | 'endSessions'>;
  /** The configuration in force, as JSON without secrets. */
  readonly configuration: () => object;
  /** `undefined` without an audit log. */
  readonly auditLog: Pick<AuditLog, 'file' | 'status'> | undefined;
  /** Removes known secrets from a text. */
  readonly redact: (text: string) => string;
}

/** `/admin` and its forms, for log-ins with the scope `admin`. To be mounted beside `createLogInPages`. */
export function createAdminPages(dependencies: AdminPageDependencies): Router {
  const { registry, vault, redact, settings, configuration, auditLog, edits } = dependencies;
  const guard = createAdminGuard(dependencies, sendAdmin);
  const router = express.Router();
  router.get('/admin', guard.page(sendAdmin));
  router.get('/admin/live', guard.page(sendLive));
  router.use(createServerForms(guard, dependencies));
  router.use(createKeyForms(guard, dependencies));
  router.use(createSessionForms(guard, dependencies));
  if (edits !== undefined) {
    router.use(createAddServerPages(guard, { ...dependencies, edits }));
    router.use(createEditToolsPages(guard, { ...dependencies, edits }));
  }
  router.post('/admin/erase', guard.form(erase));
  router.get('/admin/erase', guard.back);
  return router;

  async function erase({ visit, session, form }: AdminForm): Promise<Done> {
    const issuer = form.get('issuer') ?? '';
    const subject = form.get('subject') ?? '';
    if (form.get('confirm') !== 'yes' || issuer === '' || subject === '') {
      throw new UserVariableValueError('Nothing was erased: tick the box of the user to confirm.');
    }
    const variables = new AllowedVariables(toCaller(session), visit, dependencies, { issuer, subject });
    return { done: 'user-erased', count: await variables.erase() };
  }

  async function sendAdmin(
    visit: PageVisit,
    session: PageSession,
    { status = 200, notice, typed, newKey }: ShownBeside = {},
  ): Promise<void> {
    const profiles = await vault.profiles();
    const live = await toLive(visit, session, profiles, (path) => visit.to(path));
    const users = findUsers(await vault.facts(), profiles, visit.request.query);
    const admin = visit.to('admin');
    const { search, page } = users;
    const hasMore = page < users.pageCount;
    visit.show(status, 'admin/admin', {
      ...live,
      ...visit.account(session),
      ...users,
      ...(await toKeySection(dependencies, session, live.toWho, Date.now())),
      title: 'Administration',
      notice: notice ?? toDoneNotice(visit.request, new Map(live.servers.map(({ name }) => [name, name]))),
      typed,
      newKey,
      liveUrl: `${visit.to('admin/live')}?${new URLSearchParams({
        depth: String(toDepth(visit.request.originalUrl)),
        ...(search === '' ? {} : { user: search }),
      })}`,
      configuration: toText(configuration()),
      keysUrl: visit.to('admin/keys'),
      searchUrl: `${admin}#users`,
      previousUrl: page > 1 ? admin + toPageQuery(search, page - 1) : undefined,
      nextUrl: hasMore ? admin + toPageQuery(search, page + 1) : undefined,
      eraseUrl: `${admin}/erase`,
      vaultUrl: session.user === undefined ? undefined : visit.to('vault'),
    });
  }

  /** The parts of the page that change by themselves, for its script; 304 while they are as the script knows them. */
  async function sendLive(visit: PageVisit, session: PageSession): Promise<void> {
    const { request, response } = visit;
    const page = toPageOfDepth(request.query.depth);
    const to = (path: string) => toRelativeUrl(page, settings.pathPrefix + path);
    // The states of the servers are shown without the database, too.
    const profiles: KnownProfiles = await vault.profiles().catch(() => new Map());
    const html = renderTemplate('admin/admin-live', await toLive(visit, session, profiles, to));
    const tag = `"${hash('sha256', html, 'base64url')}"`;
    response.setHeader('ETag', tag);
    if (request.headers['if-none-match'] === tag) response.status(304).end();
    else response.type('html').send(html);
  }

  /** Values that became known as secrets, such as those of users, are removed wherever they are. */
  function toText(shown: object): string {
    return JSON.stringify(shown, (_key, value) => (typeof value === 'string' ? redact(value) : value), 2);
  }

  /** What the templates of the live parts need; `to` links from the page that shows them. */
  async function toLive(visit: PageVisit, session: PageSession, profiles: KnownProfiles, to: (path: string) => string) {
    const servers = registry.list().map((server) => toAdminServer(server, redact));
    const { lastReload: reload } = registry;
    const toName = (user: UserId | undefined) => toWho(user, profiles);
    const search = readSearch(visit.request.query);
    const notReady = servers.flatMap(({ name, state }, index) => (state === 'ready' ? [] : [{ name, index }]));
    return {
      servers,
      readyCount: servers.length - notReady.length,
      notReady: notReady.slice(0, MAX_NAMES_SHOWN),
      notReadyCount: notReady.length,
      reload,
      reloadChange: reload?.kind === 'applied' ? toChangeText(reload.change) : undefined,
      maxProblems: MAX_NAMES_SHOWN,
      auditLog: auditLog && { file: auditLog.file, ...auditLog.status },
      maxSessions: MAX_SESSIONS_SHOWN,
      toWho: toName,
      search,
      ...(await toSessionSection(dependencies, servers, session, { profiles, toWho: toName, search })),
      sessionsUrl: to('admin/sessions'),
      formToken: visit.account(session).formToken,
      serversUrl: `${to('admin')}/servers/`,
      addServerUrl: edits === undefined ? undefined : to('admin/add-server'),
      toolsUrl: `${to('admin')}/tools/`,
    };
  }
}

/** How deep a page is, so that links in its live parts lead from there and not from the URL of the parts. */
function toDepth(originalUrl: string): number {
  return (originalUrl.split('?', 1)[0] ?? '').split('/').length - 2;
}

function toPageOfDepth(depth: unknown): string {
  return `/${'-/'.repeat(/^\d$/.test(String(depth)) ? Number(depth) : 0)}`;
}

function toWho(user: UserId | undefined, profiles: KnownProfiles): string {
  if (user === undefined) return 'all users';
  const profile = profiles.get(toUserKey(user));
  return profile === undefined ? `${user.subject} (${user.issuer})` : toUserName({ ...user, ...profile });
}
