import type { ServerResponse } from 'node:http';
import type { Settings } from '../../config/settings.ts';
import { NotFoundError } from '../../errors.ts';
import type { StoredFile } from './file-store.ts';

const FILE_PATH = /^files\/([A-Za-z0-9_-]{22})$/;

/**
 * The id that a path names: `/files/<id>`, also under the path prefix. Nothing else is let through without a key, so
 * the path is matched exactly and not decoded.
 */
export function fileIdOf(pathname: string, { pathPrefix }: Pick<Settings, 'pathPrefix'>): string | undefined {
  const base = pathPrefix !== '/' && pathname.startsWith(pathPrefix) ? pathPrefix : '/';
  return FILE_PATH.exec(pathname.slice(base.length))?.[1];
}

/**
 * `GET /files/<id>`: an image or audio of a result. Asks for no key, because a browser shows it inside a chat and the
 * id cannot be guessed. What a browser could take for a document is only offered for download.
 * Throws `NotFoundError`.
 */
export function answerFile(response: ServerResponse, file: StoredFile | undefined): void {
  if (file === undefined) {
    throw new NotFoundError('There is no such file. Files of results are kept for at most an hour.');
  }
  const { bytes, displayType, leftMs } = file;
  if (displayType === undefined) response.setHeader('Content-Disposition', 'attachment');
  response.writeHead(200, {
    'Content-Type': displayType ?? 'application/octet-stream',
    'Content-Length': bytes.length,
    'Content-Security-Policy': "sandbox; default-src 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': `private, max-age=${Math.floor(leftMs / 1_000)}`,
  });
  response.end(bytes);
}
