import express, { type Request, type RequestHandler, type Response } from 'express';
import { serveWithOptions } from 'swagger-ui-express';
import { type DocsPage, renderRedocPage, renderSwaggerPage } from '../../web/docs-page.ts';
import { assetsFolder } from '../../web/web-folders.ts';

const ASSET_MAX_AGE = '1h';

/** The only files of Swagger UI's package that our page loads; the rest of the package is not served. */
const swaggerFiles: ReadonlySet<string> = new Set(['/swagger-ui.css', '/swagger-ui-bundle.js']);

export interface DocsRoutes {
  swaggerPage(req: Request, res: Response, page: DocsPage): void;
  redocPage(req: Request, res: Response, page: DocsPage): void;
  /** Scripts and styles of all pages, to be mounted where `DocsPage.assetsBase` points; unknown ones go on to the next handler. */
  readonly assets: RequestHandler;
}

/** The documentation pages and what they load, all from our own origin and without inline script. */
export function createDocsRoutes(): DocsRoutes {
  const options = { index: false, redirect: false, maxAge: ASSET_MAX_AGE } as const;
  // The other handler of the two is an init script that all pages would share.
  const swaggerStatic = serveWithOptions(options).at(-1);
  const assets = express.Router();
  assets.use(express.static(assetsFolder, options));
  assets.use((req, res, next) => {
    if (swaggerStatic !== undefined && swaggerFiles.has(req.path)) swaggerStatic(req, res, next);
    else next();
  });
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
