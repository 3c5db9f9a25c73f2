import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Settings } from '../../config/settings.ts';
import { NotFoundError } from '../../errors.ts';
import type { StoredFile } from '../../servers/file-store.ts';
import { toBaseUrl } from '../base-url.ts';
import type { ClientAddress } from '../guards/client-address.ts';

const FILE_PATH = /^files\/([A-Za-z0-9_-]{22})$/;

/**
 * The id that a path names: `/files/<id>`, also under the path prefix. Nothing else is let through without a key, so
 * the path is matched exactly and not decoded.
 */
export function fileIdOf(pathname: string, { pathPrefix }: Pick<Settings, 'pathPrefix'>): string | undefined {
  const base = pathPrefix !== '/' && pathname.startsWith(pathPrefix) ? pathPrefix : '/';
  return FILE_PATH.exec(pathname.slice(base.length))?.[1];
}

/** Where a browser finds the file: under the admin's own URL of the service, else under what the request says. */
export function toFileUrl(
  request: IncomingMessage,
  id: string,
  { publicUrl, rootPath, pathPrefix }: Pick<Settings, 'publicUrl' | 'rootPath' | 'pathPrefix'>,
  client: ClientAddress,
): string {
  return `${publicUrl ?? toBaseUrl(request, client, rootPath)}${pathPrefix}files/${id}`;
}

/**
 * `GET /files/<id>`: an image or audio of a result. Asks for no key, because a browser shows it inside a chat and the
 * id cannot be guessed. What a browser could take for a document is only offered for download.
 * Throws `NotFoundError`.
 */
export function answerFile(response: ServerResponse, file: StoredFile | undefined): void {
  if (file === undefined) {
    throw new NotFoundError('There is no such file here, or no longer: files of results are kept for an hour at most.');
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
