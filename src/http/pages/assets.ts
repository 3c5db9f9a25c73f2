import express, { type RequestHandler } from 'express';
import { serveWithOptions } from 'swagger-ui-express';
import { compressedRoot, parseAssetName } from './asset-names.ts';
import { pagesRoot } from './pages-root.ts';

/** The files of Swagger UI's package that our page loads. */
const SWAGGER_UI = ['/swagger-ui.css', '/swagger-ui-bundle.js'];
const OWN_ASSETS = /^\/[\w.-]+\.(?:css|js|svg)$/;
const HASHED_ASSETS = /^\/(?:[0-9a-f]{16}\/)?[\w.-]+\.(?:css|js|svg)$/;
/** The smallest first. */
const ENCODINGS = [
  { encoding: 'br', suffix: '.br' },
  { encoding: 'gzip', suffix: '.gz' },
] as const;
const FOREVER = 'public, max-age=31536000, immutable';

/**
 * Serves the scripts and styles of all pages, to be mounted at `docs/assets`: compressed as the build left them where the
 * client accepts that, and forever under a name with the hash of their content.
 */
export function createAssets(): RequestHandler {
  const options = { index: false, redirect: false, cacheControl: false } as const;
  const assets = express.Router();
  assets.get(HASHED_ASSETS, sendCompressed);
  assets.get(SWAGGER_UI, ...serveWithOptions(options));
  for (const folder of ['pages', 'documents', 'admin']) {
    assets.get(OWN_ASSETS, express.static(pagesRoot + folder, options));
  }
  return assets;
}

/** Answers with the compressed file, or leaves the request, without the hash in its URL, to those who serve it as it is. */
const sendCompressed: RequestHandler = (request, response, next) => {
  const { name, hash, isCurrent } = parseAssetName(request.path.slice(1));
  request.url = `/${name}`;
  response.set('Cache-Control', isCurrent ? FOREVER : 'no-cache').vary('Accept-Encoding');
  const found = ENCODINGS.find(({ encoding }) => request.acceptsEncodings(encoding));
  if (hash === undefined || found === undefined) return next();
  response.type(name).set({ 'Content-Encoding': found.encoding, ETag: `"${hash}-${found.encoding}"` });
  const options = { root: compressedRoot, cacheControl: false, lastModified: false, acceptRanges: false } as const;
  response.sendFile(name + found.suffix, options, (error) => {
    if (error !== undefined && !response.headersSent) next(error);
  });
};
