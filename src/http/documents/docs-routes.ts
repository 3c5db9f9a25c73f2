import express, { type Request, type RequestHandler, type Response } from 'express';
import { serveWithOptions } from 'swagger-ui-express';
import { pageFolder } from '../pages/render-template.ts';
import { type DocsPage, renderRedocPage, renderSwaggerPage } from './docs-page.ts';

const ASSET_MAX_AGE = '1h';

const ASSETS = /^\/[\w.-]+\.(?:css|js|svg)$/;
/** The only files of Swagger UI's package that our page loads; the rest of the package is not served. */
const SWAGGER_FILES = ['/swagger-ui.css', '/swagger-ui-bundle.js'];

export interface DocsRoutes {
  swaggerPage(req: Request, res: Response, page: DocsPage): void;
  redocPage(req: Request, res: Response, page: DocsPage): void;
  /** Scripts and styles of all pages, to be mounted where `DocsPage.assetsBase` points; unknown ones go on to the next handler. */
  readonly assets: RequestHandler;
}

/** The documentation pages and what they load, all from our own origin and without inline script. */
export function createDocsRoutes(): DocsRoutes {
  const options = { index: false, redirect: false, maxAge: ASSET_MAX_AGE } as const;
  const assets = express.Router();
  assets.get(SWAGGER_FILES, ...serveWithOptions(options));
  assets.get(ASSETS, express.static(pageFolder('pages'), options), express.static(pageFolder('documents'), options));
  return {
    swaggerPage: (_req, res, page) => sendPage(res, renderSwaggerPage(page)),
    redocPage: (_req, res, page) => sendPage(res, renderRedocPage(page)),
    assets,
  };
}

/** `no-cache`: the page shows states, and under strict authentication it must be asked for each time. */
export function sendPage(res: Response, html: string): void {
  res.set('Cache-Control', 'no-cache').type('html').send(html);
}
