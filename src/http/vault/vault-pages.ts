import express, { type Request, type RequestHandler, type Response, type Router } from 'express';
import { lacksScope, requireOwnValues } from '../../auth/authorize.ts';
import { Scopes } from '../../auth/scope.ts';
import type { UserProfile } from '../../auth/user.ts';
import type { Settings } from '../../config/settings.ts';
import { NotFoundError, UserVariableValueError, VaultUnavailableError } from '../../errors.ts';
import type { UserVariables } from '../../servers/user-variables.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type Done, toDoneNotice, toDoneQuery } from '../pages/done-notice.ts';
import { answerLogIn, createLogInPages } from '../pages/log-in-pages.ts';
import {
  answerPage,
  answerSeeOther,
  failPage,
  guardPage,
  linksOf,
  type PageHandler,
  signalOf,
  toPaths,
} from '../pages/page-answer.ts';
import { readForm } from '../pages/read-form.ts';
import { auditedSettings } from './audited-settings.ts';
import { renderLinkPage } from './link-page.ts';
import type { LinkVisit, PageAccess, PageSession } from './page-access.ts';
import { toSessionId } from './session-id.ts';
import type { VaultAudit } from './vault-audit.ts';
import { requireLogIn, toUserProfile } from './vault-caller.ts';
import { renderVaultPage } from './vault-page.ts';
import type { Notice } from './vault-page-view.ts';
import { readValues, toServerView, toWho, type Unkept, variableAtFault } from './vault-view.ts';

export interface VaultPageDependencies {
  readonly settings: Pick<Settings, 'pathPrefix'>;
  readonly access: PageAccess;
  readonly userSettings: UserVariables;
  readonly audit: VaultAudit;
  readonly logger: Logger;
}

type UserSession = PageSession & { readonly user: NonNullable<PageSession['user']> };

/** What a form is about, when it may be done. */
interface OwnForm {
  readonly session: UserSession;
  readonly user: UserProfile;
  readonly form: URLSearchParams;
  readonly server: string;
  /** Records what it changes. */
  readonly audited: UserVariables;
}

interface VaultPageOptions {
  readonly status?: number;
  readonly notice?: Notice | undefined;
  readonly unkept?: Unkept | undefined;
}

/**
 * `/vault` and its forms, at the root and under the path prefix. To be mounted before whatever takes paths of two parts
 * for a server's.
 */
export function createVaultPages({ settings, access, userSettings, audit, logger }: VaultPageDependencies): Router {
  const router = express.Router();
  const at = (path: string) => toPaths(path, settings);
  const guarded = (handle: PageHandler) => guardPage(handle, { settings, logger });
  const showLogIn = (request: Request, response: Response, status: number, notice: Notice | undefined) =>
    answerLogIn(request, response, { settings, access }, { status, notice, page: 'vault' });
  const leadOn = (request: Request, response: Response, done: Done) =>
    answerSeeOther(response, linksOf(request, settings)('vault') + toDoneQuery(done));

  router.get(at('vault'), guarded(showVault));
  router.get(at('vault/link/:token'), guarded(showLink));
  router.post(at('vault/link/:token'), guarded(redeemLink));
  router.use(createLogInPages({ settings, access, logger }));
  router.post(at('vault/servers/:server'), ownForm(save));
  router.post(at('vault/servers/:server/test'), ownForm(test));
  router.post(at('vault/servers/:server/remove'), ownForm(remove));
  router.post(at('vault/erase'), ownForm(erase));
  // Where the browser stands after a form that did not go through, and loads the page again.
  router.get(
    [...at('vault/erase'), ...at('vault/servers/:server'), ...at('vault/servers/:server/:action')],
    (request, response) => answerSeeOther(response, linksOf(request, settings)('vault')),
  );
  return router;

  async function showVault(request: Request, response: Response): Promise<void> {
    const session = await access.session(request);
    if (session === undefined) return showLogIn(request, response, 200, toDoneNotice(request, new Map()));
    if (!isOfUser(session)) return answerSeeOther(response, linksOf(request, settings)('admin'));
    await sendVault(request, response, session);
  }

  async function showLink(request: Request, response: Response): Promise<void> {
    await answerLink(request, response, await access.readLink(request, response, linkToken(request)));
  }

  async function redeemLink(request: Request, response: Response): Promise<void> {
    access.assertOwnForm(request, undefined);
    await answerLink(request, response, await access.redeemLink(request, response, linkToken(request)));
  }

  /** The page that says whose vault the link opens, or the vault itself where the link's user is logged in. */
  async function answerLink(request: Request, response: Response, visit: LinkVisit): Promise<void> {
    const to = linksOf(request, settings);
    if (visit.kind === 'entered') return answerSeeOther(response, to('vault'));
    const { owner, server, profile } = visit.link;
    const { title } = await userSettings.get(owner, server);
    const account =
      visit.kind === 'other-user'
        ? {
            who: toWho(visit.session.user),
            formToken: access.formToken(visit.session),
            logOutUrl: to('vault/log-out'),
          }
        : undefined;
    const html = renderLinkPage({
      token: linkToken(request),
      person: { ...owner, name: profile.name, email: profile.email },
      serverTitle: title,
      assetsBase: to('docs/assets/'),
      account,
    });
    answerPage(response, account === undefined ? 200 : 409, html);
  }

  async function save(
    request: Request,
    response: Response,
    { session, user, form, server, audited }: OwnForm,
  ): Promise<void> {
    const values = readValues(form);
    const isTested = form.get('action') === 'test-and-save';
    try {
      if (values.size === 0) throw new UserVariableValueError('Nothing was typed, so nothing was changed.');
      await audited.save(user, server, values, { isTested, signal: signalOf(response) });
    } catch (error) {
      return showUnkept(request, response, session, server, values, error);
    }
    leadOn(request, response, { done: isTested ? 'tested-and-saved' : 'saved', server });
  }

  async function test(
    request: Request,
    response: Response,
    { session, user, server, audited }: OwnForm,
  ): Promise<void> {
    const { ok, tools, error } = await audited.testConnection(user, server, { signal: signalOf(response) });
    if (ok) return leadOn(request, response, { done: 'tested', server, count: tools.length });
    const text = error ?? 'The test failed.';
    await sendVault(request, response, session, { status: 422, notice: { kind: 'problem', text } });
  }

  async function remove(
    request: Request,
    response: Response,
    { session, user, form, server, audited }: OwnForm,
  ): Promise<void> {
    requireLogIn(session);
    await audited.remove(user, server, form.get('name') ?? '');
    leadOn(request, response, { done: 'removed', server });
  }

  async function erase(request: Request, response: Response, { session, user, form, audited }: OwnForm): Promise<void> {
    requireLogIn(session);
    if (!new Scopes(session.scopes).allowsAllOwnValues) throw lacksScope('vault');
    if (form.get('confirm') !== 'yes') {
      throw new UserVariableValueError('Nothing was erased: tick the box to say that you mean it.');
    }
    const count = await audited.erase(user);
    await access.logOut(request, response);
    leadOn(request, response, { done: 'erased', count });
  }

  async function sendVault(
    request: Request,
    response: Response,
    session: UserSession,
    { status = 200, notice, unkept }: VaultPageOptions = {},
  ): Promise<void> {
    const { server } = session;
    const user = userOf(session);
    const isLink = server !== undefined;
    const to = linksOf(request, settings);
    const scopes = new Scopes(session.scopes);
    const listed = isLink ? [await userSettings.get(user, server)] : await userSettings.list(user);
    const servers = listed.filter((one) => scopes.allowsOwnValues(one.server));
    const allUses = isLink ? [] : await userSettings.recentUses(user);
    const uses = allUses.filter((use) => scopes.allowsOwnValues(use.server));
    const titles = new Map(servers.map(({ server: name, title }) => [name, title]));
    const html = renderVaultPage({
      who: toWho(session.user),
      formToken: access.formToken(session),
      logOutUrl: to('vault/log-out'),
      assetsBase: to('docs/assets/'),
      notice: notice ?? toDoneNotice(request, titles),
      servers: servers.map((one) => toServerView(one, to, unkept)),
      linkExpiresAt: isLink ? session.expiresAt : undefined,
      uses: uses.map((use) => ({ ...use, server: titles.get(use.server) ?? use.server })),
      eraseUrl: to('vault/erase'),
      adminUrl: session.isAdmin ? to('admin') : undefined,
    });
    answerPage(response, status, html);
  }

  /** The page again, with the reason at its field; what was typed into others stays unless it is sensitive. */
  async function showUnkept(
    request: Request,
    response: Response,
    session: UserSession,
    server: string,
    values: ReadonlyMap<string, string>,
    error: unknown,
  ): Promise<void> {
    const { status, text } = failPage(error, request, response, logger);
    const { variables } = await userSettings.get(userOf(session), server);
    const isOfField = error instanceof UserVariableValueError && values.size > 0;
    const variable = isOfField ? variableAtFault(text, values, { variables }) : undefined;
    const isEmptied = variables.some(({ name, variable: { sensitive } }) => sensitive && values.has(name));
    const notice =
      error instanceof VaultUnavailableError
        ? `${text} The page shows what is saved.`
        : isEmptied
          ? `${text} Nothing was saved: secret fields are empty again.`
          : text;
    const unkept = { server, values, variable, text };
    await sendVault(request, response, session, { status, notice: { kind: 'problem', text: notice }, unkept });
  }

  /** A form of a logged-in user about one of his servers, or all of his. A failure shows his page with the reason. */
  function ownForm(handle: (request: Request, response: Response, own: OwnForm) => Promise<void>): RequestHandler {
    return guarded(async (request, response) => {
      const session = await access.session(request);
      if (session === undefined || !isOfUser(session)) {
        const text =
          'You are not logged in any more, so nothing was changed: log in, or open a new link from your chat.';
        return showLogIn(request, response, 401, { kind: 'problem', text });
      }
      const form = await readForm(request);
      access.assertOwnForm(request, session, form.get('form_token'));
      const server = String(request.params.server);
      const audited = auditedSettings(userSettings, audit, { id: toSessionId(session), request, response });
      try {
        if (session.server !== undefined && request.params.server !== undefined && server !== session.server) {
          throw new NotFoundError('This setup link is for another server.');
        }
        if (request.params.server !== undefined) requireOwnValues(new Scopes(session.scopes), server);
        await handle(request, response, { session, user: userOf(session), form, server, audited });
      } catch (error) {
        const { status, text } = failPage(error, request, response, logger);
        await sendVault(request, response, session, { status, notice: { kind: 'problem', text } });
      }
    });
  }
}

function isOfUser(session: PageSession): session is UserSession {
  return session.user !== undefined;
}

function linkToken(request: Request): string {
  return String(request.params.token);
}

function userOf(session: UserSession): UserProfile {
  return toUserProfile(session) ?? session.user;
}
