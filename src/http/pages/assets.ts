import express, { type RequestHandler } from 'express';
import { serveWithOptions } from 'swagger-ui-express';
import { pagesRoot } from './render-template.ts';

/** The files of Swagger UI's package that our page loads. */
const SWAGGER_UI = ['/swagger-ui.css', '/swagger-ui-bundle.js'];
const OWN_ASSETS = /^\/[\w.-]+\.(?:css|js|svg)$/;

/** Serves the scripts and styles of all pages, to be mounted at `docs/assets`. */
export function createAssets(): RequestHandler {
  const options = { index: false, redirect: false, maxAge: '1h' } as const;
  const assets = express.Router();
  assets.get(SWAGGER_UI, ...serveWithOptions(options));
  for (const folder of ['pages', 'documents']) {
    assets.get(OWN_ASSETS, express.static(pagesRoot + folder, options));
  }
  return assets;
}
