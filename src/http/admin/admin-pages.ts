import express, { type Request, type RequestHandler, type Response, type Router } from 'express';
import type { Settings } from '../../config/settings.ts';
import { ForbiddenError, UserVariableValueError } from '../../errors.ts';
import type { UserVariables } from '../../servers/user-variables.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type Done, toDoneNotice, toDoneQuery } from '../pages/done-notice.ts';
import { answerLogIn } from '../pages/log-in-pages.ts';
import {
  answerPage,
  answerSeeOther,
  failPage,
  guardPage,
  linksOf,
  type PageHandler,
  toPaths,
} from '../pages/page-answer.ts';
import { readForm } from '../pages/read-form.ts';
import { auditedSettings } from '../vault/audited-settings.ts';
import type { PageAccess, PageSession } from '../vault/page-access.ts';
import { toSessionId } from '../vault/session-id.ts';
import type { VaultAudit } from '../vault/vault-audit.ts';
import { renderMessagePage } from '../vault/vault-page.ts';
import type { Notice } from '../vault/vault-page-view.ts';
import { toWho } from '../vault/vault-view.ts';
import type { AdminFacts } from './admin-facts.ts';
import { renderAdminPage } from './admin-page.ts';
import { toAdminView } from './admin-view.ts';

export interface AdminPageDependencies {
  readonly settings: Pick<Settings, 'pathPrefix'>;
  readonly access: PageAccess;
  readonly facts: AdminFacts;
  /** Erases users. */
  readonly userSettings: UserVariables;
  readonly audit: VaultAudit;
  readonly logger: Logger;
}

/**
 * `/admin` and its forms, at the root and under the path prefix, for log-ins with the scope `admin`. To be mounted
 * beside `createVaultPages`, which logs in and out.
 */
export function createAdminPages(dependencies: AdminPageDependencies): Router {
  const { settings, access, facts, userSettings, audit, logger } = dependencies;
  const router = express.Router();
  const at = (path: string) => toPaths(path, settings);
  const guarded = (handle: PageHandler) => guardPage(handle, { settings, logger });

  router.get(at('admin'), guarded(asAdmin(sendAdmin)));
  router.post(at('admin/servers/:server/restart'), adminForm(restart));
  router.post(at('admin/servers/:server/tools'), adminForm(chooseTools));
  router.post(at('admin/erase'), adminForm(erase));
  // Where the browser stands after a form that did not go through, and loads the page again.
  router.get(
    [...at('admin/erase'), ...at('admin/servers/:server/restart'), ...at('admin/servers/:server/tools')],
    (request, response) => answerSeeOther(response, linksOf(request, settings)('admin')),
  );
  return router;

  async function restart(request: Request, response: Response, session: PageSession): Promise<Done> {
    const server = String(request.params.server);
    await facts.restart(server);
    audit.restarted({ id: toSessionId(session), request, response }, server);
    return { done: 'restarted', server };
  }

  async function chooseTools(
    request: Request,
    response: Response,
    session: PageSession,
    form: URLSearchParams,
  ): Promise<Done> {
    const server = String(request.params.server);
    audit.assertAvailable();
    facts.chooseTools(server, form.get('list') ?? '');
    audit.toolsChosen({ id: toSessionId(session), request, response }, server);
    return { done: 'tools-chosen', server };
  }

  async function erase(
    request: Request,
    response: Response,
    session: PageSession,
    form: URLSearchParams,
  ): Promise<Done> {
    const issuer = form.get('issuer') ?? '';
    const subject = form.get('subject') ?? '';
    if (form.get('confirm') !== 'yes' || issuer === '' || subject === '') {
      throw new UserVariableValueError('Nothing was erased: tick the box of the user to say that you mean it.');
    }
    const audited = auditedSettings(userSettings, audit, { id: toSessionId(session), request, response });
    return { done: 'user-erased', count: await audited.erase({ issuer, subject }) };
  }

  async function sendAdmin(
    request: Request,
    response: Response,
    session: PageSession,
    { status = 200, notice }: { readonly status?: number; readonly notice?: Notice } = {},
  ): Promise<void> {
    const to = linksOf(request, settings);
    const servers = facts.servers();
    const titles = new Map(servers.map(({ name }) => [name, name]));
    const html = renderAdminPage({
      ...toAdminView(servers, await facts.secrets(), request.query, to),
      who: toWho(session.user),
      formToken: access.formToken(session),
      logOutUrl: to('vault/log-out'),
      assetsBase: to('docs/assets/'),
      notice: notice ?? toDoneNotice(request, titles),
      vaultUrl: session.user === undefined ? undefined : to('vault'),
    });
    answerPage(response, status, html);
  }

  /** Lets admins through; others are told to log in, or that they may not. */
  function asAdmin(handle: (request: Request, response: Response, session: PageSession) => Promise<void>): PageHandler {
    return async (request, response) => {
      const session = await access.session(request);
      if (session === undefined) {
        const isForm = request.method === 'POST';
        const text = 'You are not logged in any more, so nothing was changed: log in again.';
        const notice = isForm ? ({ kind: 'problem', text } as const) : undefined;
        response.setHeader('WWW-Authenticate', 'Bearer');
        return answerLogIn(request, response, { settings, access }, { status: 401, notice, page: 'admin' });
      }
      if (session.isAdmin) return handle(request, response, session);
      const error = new ForbiddenError(
        'This page is for admins: log out, then log in with an API key or token that has the scope "admin".',
      );
      audit.refused({ id: toSessionId(session), request, response }, error);
      const { status, text } = failPage(error, request, response, logger);
      const to = linksOf(request, settings);
      const account = {
        who: toWho(session.user),
        formToken: access.formToken(session),
        logOutUrl: to('vault/log-out'),
      };
      const links = [{ label: 'To your vault', url: to('vault') }];
      const view = { title: 'Administration', text, links, account, assetsBase: to('docs/assets/') };
      answerPage(response, status, renderMessagePage(view));
    };
  }

  function adminForm(
    handle: (request: Request, response: Response, session: PageSession, form: URLSearchParams) => Promise<Done>,
  ): RequestHandler {
    return guarded(
      asAdmin(async (request, response, session) => {
        const form = await readForm(request);
        access.assertOwnForm(request, session, form.get('form_token'));
        let done: Done;
        try {
          done = await handle(request, response, session, form);
        } catch (error) {
          const { status, text } = failPage(error, request, response, logger);
          return sendAdmin(request, response, session, { status, notice: { kind: 'problem', text } });
        }
        answerSeeOther(response, linksOf(request, settings)('admin') + toDoneQuery(done));
      }),
    );
  }
}
