import type { RequestHandler } from 'express';
import { ForbiddenError } from '../../errors.ts';
import type { Actor, AuditTrail } from '../audit-trail.ts';
import type { Done, Notice } from '../pages/notice.ts';
import {
  type PageDependencies,
  type PageHandler,
  type PageVisit,
  showMessage,
  toRequestHandler,
} from '../pages/page-visit.ts';
import type { PageSession } from '../vault/page-access.ts';
import { toCaller } from '../vault/vault-caller.ts';

/** A form that an admin sent. */
export interface AdminForm {
  readonly visit: PageVisit;
  readonly session: PageSession;
  readonly form: URLSearchParams;
  readonly actor: Actor;
}

/** What the admin's page shows beside its sections. */
export interface ShownBeside {
  readonly status?: number;
  readonly notice?: Notice;
  /** The form that failed, so that what was typed stays. */
  readonly typed?: URLSearchParams;
  /** An API key that was just created: the only time that it is shown. */
  readonly newKey?: { readonly id: string; readonly key: string };
}

/** Answers with the admin's page. */
export type ShowAdmin = (visit: PageVisit, session: PageSession, shown?: ShownBeside) => Promise<void>;

/** Lets admins through to what `/admin` and its forms do. */
export interface AdminGuard {
  /** A page for admins; others have to log in, or are refused. */
  page(show: (visit: PageVisit, session: PageSession) => Promise<void>): RequestHandler;
  /**
   * A form of the admin's page, which carries the page's form token. It leads back to the page with what was done; a
   * `ShownBeside` is answered at once, and an error is shown on the page.
   */
  form(handle: (form: AdminForm) => Promise<Done | ShownBeside>): RequestHandler;
  /** Leads to the page: for the URL of a form that failed, where the browser stands and loads the page again. */
  readonly back: RequestHandler;
}

export interface AdminGuardDependencies extends PageDependencies {
  readonly audit: AuditTrail;
}

export function createAdminGuard(dependencies: AdminGuardDependencies, showAdmin: ShowAdmin): AdminGuard {
  const { access, audit } = dependencies;
  const page: AdminGuard['page'] = (show) => toRequestHandler(asAdmin(show), dependencies);
  return {
    page,
    back: page(async (visit) => visit.redirect('admin')),
    form: (handle) =>
      page(async (visit, session) => {
        const { request, response } = visit;
        const form = await visit.readOwnForm(session);
        let done: Done | ShownBeside;
        try {
          done = await handle({ visit, session, form, actor: { id: toCaller(session).id, request, response } });
        } catch (error) {
          return showAdmin(visit, session, { ...visit.fail(error), typed: form });
        }
        if ('done' in done) visit.redirect('admin', done);
        else await showAdmin(visit, session, done);
      }),
  };

  function asAdmin(show: (visit: PageVisit, session: PageSession) => Promise<void>): PageHandler {
    return async (visit) => {
      const { request, response } = visit;
      const session = await access.session(request);
      if (session === undefined) {
        const text = 'You are no longer logged in, so nothing was changed. Log in again.';
        const notice = request.method === 'POST' ? ({ kind: 'problem', text } as const) : undefined;
        response.setHeader('WWW-Authenticate', 'Bearer');
        return visit.showLogIn(401, 'admin', notice);
      }
      if (session.isAdmin) return show(visit, session);
      const error = new ForbiddenError(
        'This page is for admins. Log out, then log in with an API key or token that has the scope "admin".',
      );
      audit.refused({ id: toCaller(session).id, request, response }, error);
      const { status, notice } = visit.fail(error);
      showMessage(visit, status, 'Administration', notice.text, visit.account(session));
    };
  }
}
