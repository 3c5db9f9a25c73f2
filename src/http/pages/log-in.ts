import express, { type Router } from 'express';
import type { CredentialLogIn } from '../vault/credential-log-in.ts';
import type { PageSession } from '../vault/page-access.ts';
import { type PageDependencies, toRequestHandler } from './page-visit.ts';

/** A setup link that is opened again after the log-out. */
const LINK_TOKEN = /^[\w-]{1,64}$/;

export interface LogInPageDependencies extends PageDependencies {
  readonly logIn: CredentialLogIn;
}

/** The forms that log in and out. */
export function createLogInPages(dependencies: LogInPageDependencies): Router {
  const { access, logIn } = dependencies;
  const router = express.Router();
  router.post(
    '/vault/log-in',
    toRequestHandler(async (visit) => {
      const form = await visit.readForm();
      const page = form.get('page') === 'admin' ? 'admin' : 'vault';
      let session: PageSession;
      try {
        access.assertOwnForm(visit.request, undefined);
        session = await logIn(visit, form.get('credential'));
      } catch (error) {
        const { status, notice } = visit.fail(error);
        return visit.showLogIn(status, page, notice);
      }
      visit.redirect(session.user === undefined ? 'admin' : page);
    }, dependencies),
  );
  router.post(
    '/vault/log-out',
    toRequestHandler(async (visit) => {
      const session = await access.session(visit.request);
      const form = await visit.readOwnForm(session);
      await access.logOut(visit);
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
