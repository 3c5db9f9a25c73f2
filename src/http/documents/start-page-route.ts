import type { Request, RequestHandler } from 'express';
import { sendPage } from './docs-routes.ts';
import { renderStartPage } from './start-page.ts';
import type { StartPageView } from './start-page-view.ts';

/** `GET /`: the servers, their states, and what to register. */
export function startPageHandler(view: (req: Request) => StartPageView): RequestHandler {
  return (req, res) => sendPage(res, renderStartPage(view(req)));
}
