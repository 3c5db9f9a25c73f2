import express, { type Router } from 'express';
import { type PageDependencies, type PageVisit, toRequestHandler } from '../pages/page-visit.ts';

/** The forms with which users end their own log-ins. */
export function createSessionPages(dependencies: PageDependencies): Router {
  const { access } = dependencies;
  const router = express.Router();
  router.post(
    '/vault/sessions/end',
    toRequestHandler(async (visit) => {
      const found = await readForm(visit);
      if (found === undefined) return;
      await access.endOwn(visit, found.session, found.form.get('session') ?? '');
      visit.redirect('vault', { done: 'session-ended' });
    }, dependencies),
  );
  router.post(
    '/vault/sessions/end-all',
    toRequestHandler(async (visit) => {
      const found = await readForm(visit);
      if (found === undefined) return;
      const { user } = found.session;
      const count = await access.endAllOwn(visit, { ...found.session, user });
      visit.redirect('vault', { done: 'logged-out-everywhere', count });
    }, dependencies),
  );
  // Where the browser stands after a form that failed, and loads the page again.
  router.get(
    ['/vault/sessions/end', '/vault/sessions/end-all'],
    toRequestHandler(async (visit) => visit.redirect('vault'), dependencies),
  );
  return router;

  /** The form of a logged-in user. A setup link's session may not end others: whoever has the link could lock them out. */
  async function readForm(visit: PageVisit) {
    const session = await access.session(visit.request);
    if (session?.user === undefined || session.server !== undefined) {
      const text = 'You are no longer logged in, so nothing was changed. Log in again.';
      await visit.showLogIn(401, 'vault', { kind: 'problem', text });
      return undefined;
    }
    const form = await visit.readOwnForm(session);
    return { session: { ...session, user: session.user }, form };
  }
}
