import express, { type Router } from 'express';
import type { UserId } from '../../auth/user.ts';
import { ForbiddenError, NotFoundError, UserVariableValueError } from '../../errors.ts';
import type { Vault } from '../../vault/vault.ts';
import type { Actor } from '../audit-trail.ts';
import { type Done, type Notice, toDoneNotice } from '../pages/notice.ts';
import {
  type PageDependencies,
  type PageHandler,
  type PageVisit,
  showMessage,
  toRequestHandler,
} from '../pages/page-visit.ts';
import { AllowedVariables, type VariableDependencies } from '../vault/allowed-variables.ts';
import type { PageSession } from '../vault/page-access.ts';
import { toCaller } from '../vault/vault-caller.ts';
import { findUsers, toPageQuery } from './admin-users.ts';
import { type AdminServer, toAdminServer } from './admin-view.ts';

const MAX_SESSIONS_SHOWN = 200;

export interface AdminPageDependencies extends PageDependencies, VariableDependencies {
  readonly registry: { list(): readonly AdminServer[]; readonly servers: ReadonlyMap<string, AdminServer> };
  readonly vault: Pick<Vault, 'facts'>;
}

/** A form that an admin sent. */
interface AdminForm {
  readonly visit: PageVisit;
  readonly session: PageSession;
  readonly form: URLSearchParams;
  readonly actor: Actor;
}

/** `/admin` and its forms, for log-ins with the scope `admin`. To be mounted beside `createLogInPages`. */
export function createAdminPages(dependencies: AdminPageDependencies): Router {
  const { access, registry, vault, audit } = dependencies;
  const page = (handle: PageHandler) => toRequestHandler(handle, dependencies);
  const router = express.Router();
  router.get('/admin', page(asAdmin(sendAdmin)));
  router.post('/admin/servers/:server/restart', adminForm(restart));
  router.post('/admin/servers/:server/tools', adminForm(chooseTools));
  router.post('/admin/erase', adminForm(erase));
  // Where the browser stands after a form that failed, and loads the page again.
  router.get(
    ['/admin/erase', '/admin/servers/:server/restart', '/admin/servers/:server/tools'],
    page(async (visit) => visit.redirect('admin')),
  );
  return router;

  async function restart({ visit, actor }: AdminForm): Promise<Done> {
    const server = String(visit.request.params.server);
    const registered = registry.servers.get(server);
    if (registered === undefined) throw new NotFoundError('There is no such server.');
    await registered.generations.restart();
    audit?.record(actor, { eventType: 'reload', action: 'restart', resource: server, result: 'success' });
    return { done: 'restarted', server };
  }

  async function chooseTools({ visit, form, actor }: AdminForm): Promise<Done> {
    const server = String(visit.request.params.server);
    audit?.assertAvailable();
    if (registry.servers.get(server)?.tools.choose(form.get('list') ?? '') !== true) {
      throw new NotFoundError('This list of tools no longer exists. Reload the page to see the current ones.');
    }
    audit?.record(actor, {
      eventType: 'tool_definition_change',
      action: 'choose',
      resource: server,
      result: 'success',
    });
    return { done: 'tools-chosen', server };
  }

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
    { status = 200, notice }: { readonly status?: number; readonly notice?: Notice } = {},
  ): Promise<void> {
    const servers = registry.list().map(toAdminServer);
    const users = findUsers(await vault.facts(), visit.request.query);
    const admin = visit.to('admin');
    const { search, page } = users;
    const hasMore = page < users.pageCount;
    visit.show(status, 'admin/admin', {
      ...visit.account(session),
      ...users,
      title: 'Administration',
      notice: notice ?? toDoneNotice(visit.request, new Map(servers.map(({ name }) => [name, name]))),
      servers,
      readyCount: servers.filter(({ state }) => state === 'ready').length,
      maxSessions: MAX_SESSIONS_SHOWN,
      toWho,
      serversUrl: `${admin}/servers/`,
      searchUrl: `${admin}#users`,
      previousUrl: page > 1 ? admin + toPageQuery(search, page - 1) : undefined,
      nextUrl: hasMore ? admin + toPageQuery(search, page + 1) : undefined,
      eraseUrl: `${admin}/erase`,
      vaultUrl: session.user === undefined ? undefined : visit.to('vault'),
    });
  }

  /** Lets admins through; others have to log in, or are refused. */
  function asAdmin(handle: (visit: PageVisit, session: PageSession) => Promise<void>): PageHandler {
    return async (visit) => {
      const { request, response } = visit;
      const session = await access.session(request);
      if (session === undefined) {
        const text = 'You are no longer logged in, so nothing was changed. Log in again.';
        const notice = request.method === 'POST' ? ({ kind: 'problem', text } as const) : undefined;
        response.setHeader('WWW-Authenticate', 'Bearer');
        return visit.showLogIn(401, 'admin', notice);
      }
      if (session.isAdmin) return handle(visit, session);
      const error = new ForbiddenError(
        'This page is for admins. Log out, then log in with an API key or token that has the scope "admin".',
      );
      audit?.refused({ id: toCaller(session).id, request, response }, error);
      const { status, notice } = visit.fail(error);
      showMessage(visit, status, 'Administration', notice.text, visit.account(session));
    };
  }

  function adminForm(handle: (form: AdminForm) => Promise<Done>) {
    return page(
      asAdmin(async (visit, session) => {
        const { request, response } = visit;
        const form = await visit.readOwnForm(session);
        let done: Done;
        try {
          done = await handle({ visit, session, form, actor: { id: toCaller(session).id, request, response } });
        } catch (error) {
          return sendAdmin(visit, session, visit.fail(error));
        }
        visit.redirect('admin', done);
      }),
    );
  }
}

function toWho(user: UserId | undefined): string {
  return user === undefined ? 'all users' : `${user.subject} (${user.issuer})`;
}
