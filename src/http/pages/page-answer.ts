import type { Request, RequestHandler, Response } from 'express';
import type { Settings } from '../../config/settings.ts';
import { ServiceError } from '../../errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { loggedPath, toErrorAnswer } from '../error-handler.ts';
import { allowOwnForms } from '../guards/security-headers.ts';
import { toRelativeUrl } from '../urls.ts';
import { renderMessagePage } from '../vault/vault-page.ts';

/** How long the rest of a refused form is drained, so that the browser shows the answer. */
const DRAIN_MS = 1_000;

/** Where the pages answer: at the root, and under the prefix for proxies that forward nothing else. */
export function toPaths(path: string, { pathPrefix }: Pick<Settings, 'pathPrefix'>): string[] {
  return [...new Set(['/', pathPrefix])].map((base) => base + path);
}

/** Makes links from the page that the browser shows to a path under the prefix, such as `vault/erase`. */
export function linksOf(
  { originalUrl }: Request,
  { pathPrefix }: Pick<Settings, 'pathPrefix'>,
): (path: string) => string {
  return (path) => toRelativeUrl(originalUrl, pathPrefix + path);
}

/**
 * Answers with a page that no cache keeps. Its forms need the referrer policy: under the service's own `no-referrer`
 * browsers send `Origin: null` with them (Fetch, section 3.2).
 */
export function answerPage(response: Response, status: number, html: string): void {
  response.setHeader('Referrer-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  allowOwnForms(response);
  response.status(status).set('Cache-Control', 'no-store').type('html').send(html);
}

/** Leads on after a form (RFC 9110, section 15.4.4); relative, as all links. */
export function answerSeeOther(response: Response, url: string): void {
  response.setHeader('Cache-Control', 'no-store');
  response.writeHead(303, { Location: url }).end();
}

export interface PageFailure {
  readonly status: number;
  /** One public sentence. */
  readonly text: string;
}

/**
 * What a page says of a failure; sets its headers and notes it in the log. Throws what is no `ServiceError`: that is a
 * fault of ours, for the app's own handler.
 */
export function failPage(error: unknown, request: Request, response: Response, logger: Logger): PageFailure {
  if (!(error instanceof ServiceError)) throw error;
  const { status, headers } = toErrorAnswer(error);
  for (const [name, value] of headers) if (name !== 'Content-Type') response.setHeader(name, value);
  if (!request.complete) {
    response.setHeader('Connection', 'close');
    setTimeout(() => request.destroy(), DRAIN_MS).unref();
  }
  logger[status >= 500 ? 'warn' : 'info']('request failed', {
    request: response.getHeader('X-Request-Id'),
    method: request.method,
    // A setup link that did not work may still be good.
    path: loggedPath(request),
    status,
    code: error.code,
    reason: error.message,
    detail: (error as { readonly detail?: unknown }).detail,
  });
  return { status, text: error.message };
}

/** Aborts when the browser has left. */
export function signalOf(response: Response): AbortSignal {
  const controller = new AbortController();
  // `close` is emitted once: whoever left before this was asked is noticed here.
  if (response.destroyed) controller.abort();
  response.once('close', () => controller.abort());
  return controller.signal;
}

export type PageHandler = (request: Request, response: Response) => Promise<void>;

/** Answers what a handler does not show on its own page with a page of one sentence. */
export function guardPage(
  handle: PageHandler,
  { settings, logger }: { readonly settings: Pick<Settings, 'pathPrefix'>; readonly logger: Logger },
): RequestHandler {
  return async (request, response) => {
    try {
      await handle(request, response);
    } catch (error) {
      if (response.headersSent) throw error;
      const { status, text } = failPage(error, request, response, logger);
      const to = linksOf(request, settings);
      const title = status === 410 ? 'This link does not work' : 'This did not work';
      const links = [{ label: 'To your vault', url: to('vault') }];
      answerPage(response, status, renderMessagePage({ title, text, links, assetsBase: to('docs/assets/') }));
    }
  };
}
