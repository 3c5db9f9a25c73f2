import express, { type RequestHandler, type Router } from 'express';
import type { Settings } from '../../config/settings.ts';
import { UserVariableValueError, VaultUnavailableError } from '../../errors.ts';
import { type Done, type Notice, toDoneNotice, toNotice } from '../pages/notice.ts';
import {
  type PageDependencies,
  type PageHandler,
  type PageVisit,
  signalOf,
  toRequestHandler,
} from '../pages/page-visit.ts';
import { toChatLink } from '../user-links.ts';
import { AllowedVariables, type VariableDependencies } from './allowed-variables.ts';
import type { PageSession } from './page-access.ts';
import { toSessionRows } from './session-view.ts';
import type { LinkVisit, SetupLinkAccess } from './setup-link-access.ts';
import { toCaller } from './vault-caller.ts';
import { readValues, toOpenTasks, toPersonRows, toServerView, type Unsaved } from './vault-view.ts';

export interface VaultPageDependencies extends PageDependencies, VariableDependencies {
  readonly settings: Pick<Settings, 'pathPrefix' | 'openWebUiPublicUrl'>;
  readonly links: Pick<SetupLinkAccess, 'read' | 'redeem'>;
}

/** A form that a logged-in user sent. */
interface OwnForm {
  readonly session: PageSession;
  readonly variables: AllowedVariables;
  readonly form: URLSearchParams;
  /** That of the URL. */
  readonly server: string;
}

interface Shown {
  readonly status: number;
  readonly notice?: Notice | undefined;
  /** What the notice is about, where there is none. */
  readonly done?: Done;
  readonly unsaved?: Unsaved | undefined;
}

/** `/vault` and its forms. To be mounted before whatever takes paths of two parts for a server's. */
export function createVaultPages(dependencies: VaultPageDependencies): Router {
  const { access, links } = dependencies;
  const page = (handle: PageHandler) => toRequestHandler(handle, dependencies);
  const router = express.Router();
  router.get('/vault', page(showVault));
  router.get('/vault/link/:token', page(readLink));
  router.post('/vault/link/:token', page(redeemLink));
  router.post('/vault/servers/:server', ownForm(save));
  router.post('/vault/servers/:server/test', ownForm(test));
  router.post('/vault/servers/:server/remove', ownForm(remove));
  router.post('/vault/erase', ownForm(erase));
  // Where the browser stands after a form that failed, and loads the page again.
  router.get(
    ['/vault/erase', '/vault/servers/:server', '/vault/servers/:server/:action'],
    page(async (visit) => visit.redirect('vault')),
  );
  return router;

  async function showVault(visit: PageVisit): Promise<void> {
    const { request } = visit;
    const session = await access.session(request);
    if (session === undefined) {
      return visit.showLogIn(200, 'vault', toDoneNotice(request, new Map()));
    }
    if (session.user === undefined) return visit.redirect('admin');
    await sendVault(visit, session);
  }

  async function readLink(visit: PageVisit): Promise<void> {
    // Browsers show the vault in no frame; a page that has nothing but the link out of it, they do.
    if (isFramed(visit.request))
      return visit.showInFrame('vault/framed', {
        title: 'Your values',
        url: visit.to(`vault/link/${linkToken(visit)}`),
      });
    await sendLink(visit, await links.read(visit, linkToken(visit)));
  }

  async function redeemLink(visit: PageVisit): Promise<void> {
    access.assertOwnForm(visit.request, undefined);
    await sendLink(visit, await links.redeem(visit, linkToken(visit)));
  }

  /** The page that says whose vault the link opens, or the vault itself where the link's user is logged in. */
  async function sendLink(visit: PageVisit, found: LinkVisit): Promise<void> {
    if (found.kind === 'entered') return visit.redirect('vault');
    const { owner, server, profile } = found.link;
    const { title } = await dependencies.userVariables.get(owner, server);
    const account = found.kind === 'other-user' ? visit.account(found.session) : undefined;
    visit.show(account === undefined ? 200 : 409, 'vault/link', {
      title: `Your values for ${title}`,
      serverTitle: title,
      token: linkToken(visit),
      person: toPersonRows({ ...owner, name: profile.name, email: profile.email }),
      account,
    });
  }

  async function save(visit: PageVisit, { session, variables, form, server }: OwnForm): Promise<void> {
    const plain = (await variables.plainValues()).get(server) ?? new Map<string, string>();
    const values = readValues(form, plain);
    const action = form.get('action');
    const isTested = action === 'test-and-save';
    // With nothing new, what is set is tested.
    if (action === 'test' || (isTested && values.size === 0 && plain.size > 0)) {
      return test(visit, { session, variables, form, server }, values);
    }
    try {
      if (values.size === 0) {
        throw new UserVariableValueError(
          plain.size === 0
            ? 'All fields were empty, so nothing was changed.'
            : 'Nothing was entered that is not set already, so nothing was changed.',
        );
      }
      await variables.save(server, values, { isTested, signal: signalOf(visit.response) });
    } catch (error) {
      return showUnsaved(visit, session, { server, values, error });
    }
    visit.redirect('vault', { done: isTested ? 'tested-and-saved' : 'saved', server });
  }

  /** Tests what is set. What was typed beside it and is not saved stays in its fields. */
  async function test(
    visit: PageVisit,
    { session, variables, server }: OwnForm,
    typed: ReadonlyMap<string, string> = new Map(),
  ): Promise<void> {
    const { ok, tools, error } = await variables.test(server, { signal: signalOf(visit.response) });
    const done: Done = { done: 'tested', server, count: tools.length };
    if (ok && typed.size === 0) return visit.redirect('vault', done);
    const unsaved = { server, values: typed, variable: undefined, text: undefined };
    const text = error ?? 'The test failed.';
    await sendVault(
      visit,
      session,
      ok ? { status: 200, done, unsaved } : { status: 422, notice: { kind: 'problem', text }, unsaved },
    );
  }

  async function remove(visit: PageVisit, { variables, form, server }: OwnForm): Promise<void> {
    await variables.remove(server, form.get('name') ?? '');
    visit.redirect('vault', { done: 'removed', server });
  }

  async function erase(visit: PageVisit, { variables, form }: OwnForm): Promise<void> {
    if (form.get('confirm') !== 'yes') {
      throw new UserVariableValueError('Nothing was erased: tick the box to confirm.');
    }
    const count = await variables.erase();
    await access.logOut(visit);
    visit.redirect('vault', { done: 'erased', count });
  }

  function ownVariables(visit: PageVisit, session: PageSession): AllowedVariables {
    return new AllowedVariables(toCaller(session), visit, dependencies);
  }

  async function sendVault(visit: PageVisit, session: PageSession, shown?: Shown): Promise<void> {
    const isLink = session.server !== undefined;
    const variables = ownVariables(visit, session);
    const servers = await variables.list();
    const titles = new Map(servers.map(({ server, title }) => [server, title]));
    const only = isLink ? servers[0] : undefined;
    const notice = shown?.notice ?? (shown?.done ? toNotice(shown.done, titles) : toDoneNotice(visit.request, titles));
    const plain = await variables.plainValues();
    const account = visit.account(session);
    visit.show(shown?.status ?? 200, 'vault/vault', {
      ...account,
      title: only === undefined ? 'Your vault' : `Your values for ${only.title}`,
      notice,
      hasFieldProblem: shown?.unsaved?.variable !== undefined,
      isLink,
      expiresAt: isLink ? session.expiresAt : undefined,
      doneTitle: only?.status === 'ready' ? only.title : undefined,
      tasks: toOpenTasks(servers),
      chatUrl: toChatLink(dependencies.settings.openWebUiPublicUrl, session.chatId),
      servers: await Promise.all(
        servers.map((server, index) =>
          toServerView(server, {
            index,
            isLink,
            formToken: account.formToken,
            unsaved: shown?.unsaved,
            plain: plain.get(server.server) ?? new Map(),
            to: (path) => visit.to(path),
          }),
        ),
      ),
      uses: (await variables.recentUses()).map((use) => ({ ...use, server: titles.get(use.server) ?? use.server })),
      logIns: isLink ? [] : toSessionRows(await access.listOwn(session)),
      endSessionUrl: visit.to('vault/sessions/end'),
      endSessionsUrl: visit.to('vault/sessions/end-all'),
      eraseUrl: visit.to('vault/erase'),
      adminUrl: session.isAdmin ? visit.to('admin') : undefined,
    });
  }

  /** The page again, with the reason at its field. What was typed stays in the fields. */
  async function showUnsaved(
    visit: PageVisit,
    session: PageSession,
    { server, values, error }: Omit<Unsaved, 'variable' | 'text'> & { readonly error: unknown },
  ): Promise<void> {
    const { status, notice } = visit.fail(error);
    const { text } = notice;
    const variable = error instanceof UserVariableValueError ? error.variable : undefined;
    const isOther = variable === undefined;
    const more =
      error instanceof VaultUnavailableError ? ' The page shows what is saved.' : isOther ? '' : ' Nothing was saved.';
    const unsaved = { server, values, variable, text };
    await sendVault(visit, session, { status, notice: { kind: 'problem', text: text + more }, unsaved });
  }

  /** A form of a logged-in user about one of their servers, or all. A failure shows their page with the reason. */
  function ownForm(handle: (visit: PageVisit, own: OwnForm) => Promise<void>): RequestHandler {
    return page(async (visit) => {
      const { request } = visit;
      const session = await access.session(request);
      if (session?.user === undefined) {
        const text = 'You are no longer logged in, so nothing was changed. Log in, or open a new link from your chat.';
        return visit.showLogIn(401, 'vault', { kind: 'problem', text });
      }
      const form = await visit.readOwnForm(session);
      try {
        const { server } = request.params;
        const variables = ownVariables(visit, session);
        if (server !== undefined) variables.requireServer(String(server));
        await handle(visit, { session, variables, form, server: String(server) });
      } catch (error) {
        await sendVault(visit, session, visit.fail(error));
      }
    });
  }
}

function linkToken({ request }: PageVisit): string {
  return String(request.params.token);
}

/** The page is for a frame of another page, as a sandboxed one of Open WebUI (Fetch Metadata, `Sec-Fetch-Dest`). */
function isFramed({ headers }: PageVisit['request']): boolean {
  return ['iframe', 'frame', 'embed', 'object'].includes(String(headers['sec-fetch-dest']));
}
