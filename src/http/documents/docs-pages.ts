import express, { type RequestHandler } from 'express';
import { serveWithOptions } from 'swagger-ui-express';
import { assetsFolder, renderTemplate } from '../pages/render-template.ts';
import { type StartPage, toServerList } from './start-page.ts';

/** The files of Swagger UI's package that our page loads. */
const SWAGGER_UI = ['/swagger-ui.css', '/swagger-ui-bundle.js'];
const OWN_ASSETS = /^\/[\w.-]+\.(?:css|js|svg)$/;

/** A page of documentation. Its URLs are relative to the request's own path. */
export interface DocsPage {
  readonly title: string;
  /** The OpenAPI document that is shown. */
  readonly documentUrl: string;
  /** Ends with a slash. */
  readonly assetsBase: string;
  /** Further links at the top, such as the start page. */
  readonly links: readonly { readonly label: string; readonly url: string }[];
  /** Lists the servers above the documentation: for the page of all servers. */
  readonly startPage?: StartPage | undefined;
}

/** The HTML of `/docs`: Swagger UI, with scripts of our own origin only. */
export function renderSwaggerPage(page: DocsPage): string {
  const startPage = page.startPage && toServerList(page.startPage);
  return renderTemplate('documents/swagger', { ...page, startPage });
}

/** The HTML of `/redoc`: ReDoc. Needs a worker from a blob as well. */
export function renderRedocPage(page: DocsPage): string {
  return renderTemplate('documents/redoc', page);
}

/** Serves the scripts and styles of all pages, to be mounted at `docs/assets`. */
export function createAssets(): RequestHandler {
  const options = { index: false, redirect: false, maxAge: '1h' } as const;
  const assets = express.Router();
  assets.get(SWAGGER_UI, ...serveWithOptions(options));
  for (const folder of ['pages', 'documents'] as const) {
    assets.get(OWN_ASSETS, express.static(assetsFolder(folder), options));
  }
  return assets;
}
