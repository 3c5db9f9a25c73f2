import express, { type Router } from 'express';
import type { PageAccess, PageSession } from '../vault/page-access.ts';
import type { Notice } from './notice.ts';
import { type Account, type PageDependencies, type PageVisit, toRequestHandler } from './page-visit.ts';

export interface LogInDependencies extends PageDependencies {
  readonly access: PageAccess;
}

/** Where a log-in leads. */
type LogInTarget = 'vault' | 'admin';

/** A setup link that is opened again after the log-out. */
const LINK_TOKEN = /^[\w-]{1,64}$/;

/** Answers with the page that asks the visitor to log in. */
export function showLogIn(
  visit: PageVisit,
  access: PageAccess,
  {
    status,
    notice,
    page,
  }: { readonly status: number; readonly notice: Notice | undefined; readonly page: LogInTarget },
): void {
  const title = page === 'vault' ? 'Your vault' : 'Administration';
  const hasAuthentication = access.hasAuthentication();
  visit.show(status, 'pages/log-in', { title, page, notice, hasAuthentication, logInUrl: visit.to('vault/log-in') });
}

/** Who is logged in, for the top of a page. */
export function toAccount(visit: PageVisit, access: PageAccess, session: PageSession): Account {
  return { who: toWho(session.user), formToken: access.formToken(session), logOutUrl: visit.to('vault/log-out') };
}

/** A user in words that they recognize. Never a name alone: people choose it, and it may be another user's. */
export function toWho(
  user:
    | { readonly name?: string | undefined; readonly email?: string | undefined; readonly subject: string }
    | undefined,
): string {
  if (user === undefined) return 'Admin';
  const { name, email, subject } = user;
  return name ? `${name} (${email || subject})` : email || subject;
}

/** The forms that log in and out. */
export function createLogInPages(dependencies: LogInDependencies): Router {
  const { access } = dependencies;
  const router = express.Router();
  router.post(
    '/vault/log-in',
    toRequestHandler(async (visit) => {
      const form = await visit.readForm();
      const page = form.get('page') === 'admin' ? 'admin' : 'vault';
      let session: PageSession;
      try {
        session = await access.logIn(visit.request, visit.response, form.get('credential'));
      } catch (error) {
        return showLogIn(visit, access, { ...visit.fail(error), page });
      }
      visit.redirect(session.user === undefined ? 'admin' : page);
    }, dependencies),
  );
  router.post(
    '/vault/log-out',
    toRequestHandler(async (visit) => {
      const { request, response } = visit;
      const session = await access.session(request);
      const form = await visit.readForm();
      access.assertOwnForm(request, session, form.get('form_token'));
      await access.logOut(request, response);
      const link = form.get('link') ?? '';
      if (LINK_TOKEN.test(link)) visit.redirect(`vault/link/${link}`);
      else visit.redirect('vault', { done: 'logged-out' });
    }, dependencies),
  );
  // Where the browser stands after a log-in that failed, and loads the page again.
  router.get(
    ['/vault/log-in', '/vault/log-out'],
    toRequestHandler(async (visit) => visit.redirect('vault'), dependencies),
  );
  return router;
}
