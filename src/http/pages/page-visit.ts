import type { Request, RequestHandler, Response } from 'express';
import { toUserName, type UserProfile } from '../../auth/user.ts';
import type { Settings } from '../../config/settings.ts';
import { ServiceError, UnsupportedMediaTypeError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { logFailure, refuseRest, toErrorAnswer } from '../error-handler.ts';
import { allowFrames, allowOwnForms } from '../guards/security-headers.ts';
import { readBody } from '../tool-call/read-body.ts';
import { toRelativeUrl } from '../urls.ts';
import type { PageAccess, PageSession } from '../vault/page-access.ts';
import type { FindLogInOffers } from './log-in-offers.ts';
import { type Done, type Notice, toDoneQuery } from './notice.ts';
import { renderTemplate } from './render-template.ts';

/** Room for several values of the largest size: percent-encoding makes three bytes of one. */
const MAX_FORM_BYTES = 1024 * 1024;

export interface PageDependencies {
  readonly access: PageAccess;
  readonly offers: FindLogInOffers;
  readonly settings: Pick<Settings, 'pathPrefix'>;
  readonly logger: Logger;
}

/** What a page shows of a failure: a status and one public sentence. */
export interface PageFailure {
  readonly status: number;
  readonly notice: Notice;
}

/** Who is logged in, and the form that logs out. */
export interface Account {
  readonly who: string;
  readonly formToken: string;
  readonly logOutUrl: string;
}

export type PageHandler = (visit: PageVisit) => Promise<void>;

/** One request for a page or by one of its forms, and the ways to answer it. */
export class PageVisit {
  readonly request: Request;
  readonly response: Response;
  readonly #dependencies: PageDependencies;

  constructor(request: Request, response: Response, dependencies: PageDependencies) {
    this.request = request;
    this.response = response;
    this.#dependencies = dependencies;
  }

  /** A relative link from the page that the browser shows to a path under the prefix, such as `vault/erase`. */
  to(path: string): string {
    return toRelativeUrl(this.request.originalUrl, this.#dependencies.settings.pathPrefix + path);
  }

  /** Answers with the page of a template. */
  show(status: number, template: string, view: object): void {
    allowOwnForms(this.response);
    const html = renderTemplate(template, { ...view, assetsBase: this.to('docs/assets/') });
    this.response.status(status).type('html').send(html);
  }

  /** Answers with a page that other pages may frame: it must hold nothing but a link. */
  showInFrame(template: string, view: object): void {
    allowFrames(this.response);
    this.show(200, template, view);
  }

  /** Answers with the page that asks the visitor to log in, which leads back to `page`. */
  async showLogIn(status: number, page: 'vault' | 'admin', notice: Notice | undefined): Promise<void> {
    const { access, offers } = this.#dependencies;
    const { providers, openWebUi, openWebUiUrl } = await offers(this);
    this.show(status, 'pages/log-in', {
      title: page === 'vault' ? 'Your vault' : 'Administration',
      page,
      notice,
      hasAuthentication: access.hasAuthentication(),
      logInUrl: this.to('vault/log-in'),
      openWebUi,
      openWebUiUrl,
      continueUrl: this.to('vault/log-in/open-webui'),
      providers: providers.map(({ key, title }) => ({
        title,
        url: `${this.to('vault/log-in/start')}?${new URLSearchParams({ provider: key, page })}`,
      })),
    });
  }

  /** Who is logged in, for the top of a page. */
  account(session: PageSession): Account {
    const formToken = this.#dependencies.access.formToken(session);
    return { who: toWho(session.user), formToken, logOutUrl: this.to('vault/log-out') };
  }

  /** Leads on after a form (RFC 9110, section 15.4.4). */
  redirect(path: string, done?: Done): void {
    const query = done === undefined ? '' : toDoneQuery(done);
    this.response.writeHead(303, { Location: this.to(path) + query }).end();
  }

  /** What the form sends. Rejects with `UnsupportedMediaTypeError`, and as `readBody` does. */
  async readForm(): Promise<URLSearchParams> {
    if (!/^\s*application\/x-www-form-urlencoded\s*(;|$)/i.test(this.request.headers['content-type'] ?? '')) {
      throw new UnsupportedMediaTypeError('This URL accepts only the forms of its page. For JSON use /vault/api.');
    }
    return new URLSearchParams((await readBody(this.request, MAX_FORM_BYTES)).toString('utf8'));
  }

  /** What a form of a logged-in visitor sends, from a page of ours. Rejects with `ForbiddenError`, and as `readForm` does. */
  async readOwnForm(session: PageSession | undefined): Promise<URLSearchParams> {
    const form = await this.readForm();
    this.#dependencies.access.assertOwnForm(this.request, session, form.get('form_token'));
    return form;
  }

  /**
   * How a page shows an error; sets its headers and logs it. Throws what is not a `ServiceError`: that is a fault of
   * ours, for the app's own handler.
   */
  fail(error: unknown): PageFailure {
    if (!(error instanceof ServiceError)) throw error;
    const { request, response } = this;
    const { status, headers } = toErrorAnswer(error);
    response.set(headers);
    refuseRest(request, response);
    logFailure(error, status, request, response, this.#dependencies.logger);
    return { status, notice: { kind: 'problem', text: error.message } };
  }
}

/** A handler for Express. What it throws is shown on a page of its own. */
export function toRequestHandler(handle: PageHandler, dependencies: PageDependencies): RequestHandler {
  return async (request, response) => {
    const visit = new PageVisit(request, response, dependencies);
    try {
      await handle(visit);
    } catch (error) {
      if (response.headersSent) throw error;
      const { status, notice } = visit.fail(error);
      showMessage(visit, status, status === 410 ? 'This link does not work' : 'Something went wrong', notice.text);
    }
  };
}

/** A page of one sentence. */
export function showMessage(visit: PageVisit, status: number, title: string, text: string, account?: Account): void {
  visit.show(status, 'pages/message', { title, text, account, vaultUrl: visit.to('vault') });
}

/** Who is logged in, in words that they recognize. */
export function toWho(user: Pick<UserProfile, 'name' | 'email' | 'subject'> | undefined): string {
  return user === undefined ? 'Admin' : toUserName(user);
}

/** Aborts when the caller has left. */
export function signalOf(response: Response): AbortSignal {
  const controller = new AbortController();
  // `close` is emitted once, perhaps before this.
  if (response.destroyed) controller.abort();
  response.once('close', () => controller.abort());
  return controller.signal;
}
