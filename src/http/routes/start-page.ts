import type { Request, RequestHandler } from 'express';
import { renderStartPage } from '../../web/start-page.ts';
import type { StartPageView } from '../../web/start-page-view.ts';
import { sendPage } from './docs.ts';

/** `GET /`: the servers, their states, and what to register. */
export function startPageHandler(view: (req: Request) => StartPageView): RequestHandler {
  return (req, res) => sendPage(res, renderStartPage(view(req)));
}
