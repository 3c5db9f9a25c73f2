import express, { type Request, type Response, type Router } from 'express';
import type { Settings } from '../../config/settings.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { PageAccess, PageSession } from '../vault/page-access.ts';
import { renderLogInPage } from '../vault/vault-page.ts';
import type { Notice } from '../vault/vault-page-view.ts';
import { toDoneQuery } from './done-notice.ts';
import { answerPage, answerSeeOther, failPage, guardPage, linksOf, toPaths } from './page-answer.ts';
import { readForm } from './read-form.ts';

export interface LogInDependencies {
  readonly settings: Pick<Settings, 'pathPrefix'>;
  readonly access: PageAccess;
  readonly logger: Logger;
}

export interface LogInAnswer {
  readonly status: number;
  readonly notice: Notice | undefined;
  /** Where the log-in leads. */
  readonly page: 'vault' | 'admin';
}

/** A setup link that is opened again after the log-out. */
const LINK_TOKEN = /^[\w-]{1,64}$/;

/** Answers with the page that asks who is there. */
export function answerLogIn(
  request: Request,
  response: Response,
  { settings, access }: Pick<LogInDependencies, 'settings' | 'access'>,
  { status, notice, page }: LogInAnswer,
): void {
  const to = linksOf(request, settings);
  const hasAuthentication = access.hasAuthentication();
  const view = { page, logInUrl: to('vault/log-in'), assetsBase: to('docs/assets/'), notice, hasAuthentication };
  answerPage(response, status, renderLogInPage(view));
}

/** The forms that log in and out. */
export function createLogInPages({ settings, access, logger }: LogInDependencies): Router {
  const router = express.Router();
  const logInPaths = toPaths('vault/log-in', settings);
  const logOutPaths = toPaths('vault/log-out', settings);
  router.post(
    logInPaths,
    guardPage(
      async (request, response) => {
        const form = await readForm(request);
        const page = form.get('page') === 'admin' ? 'admin' : 'vault';
        let session: PageSession;
        try {
          session = await access.logIn(request, response, form.get('credential'));
        } catch (error) {
          const { status, text } = failPage(error, request, response, logger);
          const notice = { kind: 'problem', text } as const;
          return answerLogIn(request, response, { settings, access }, { status, notice, page });
        }
        answerSeeOther(response, linksOf(request, settings)(session.user === undefined ? 'admin' : page));
      },
      { settings, logger },
    ),
  );
  router.post(
    logOutPaths,
    guardPage(
      async (request, response) => {
        const session = await access.session(request);
        const form = await readForm(request);
        access.assertOwnForm(request, session, form.get('form_token'));
        await access.logOut(request, response);
        const to = linksOf(request, settings);
        const link = form.get('link') ?? '';
        const next = LINK_TOKEN.test(link)
          ? to(`vault/link/${link}`)
          : to('vault') + toDoneQuery({ done: 'logged-out' });
        answerSeeOther(response, next);
      },
      { settings, logger },
    ),
  );
  // Where the browser stands after a log-in that failed, and loads the page again.
  router.get([...logInPaths, ...logOutPaths], (request, response) =>
    answerSeeOther(response, linksOf(request, settings)('vault')),
  );
  return router;
}
