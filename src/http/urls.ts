import type { IncomingMessage } from 'node:http';
import type { Settings } from '../config/settings.ts';
import type { ClientAddress } from './guards/client-address.ts';

export type UrlSettings = Pick<Settings, 'publicUrl' | 'rootPath' | 'pathPrefix'>;

/**
 * The service's URL for the sender of a request, without a slash at the end: the configured public URL, else scheme,
 * host and prefix as the request and trusted proxies give them.
 */
export function toBaseUrl(
  request: IncomingMessage,
  { publicUrl, rootPath }: Pick<UrlSettings, 'publicUrl' | 'rootPath'>,
  client: ClientAddress,
): string {
  if (publicUrl !== undefined) return publicUrl;
  const scheme = client.isHttps(request) ? 'https' : 'http';
  const host = client.hostOf(request) ?? `localhost:${request.socket.localPort}`;
  return `${scheme}://${host}${rootPath || client.prefixOf(request)}`;
}

/** The absolute URL of a path under the prefix, such as `vault/link/<token>`. */
export function toAbsoluteUrl(
  path: string,
  request: IncomingMessage,
  settings: UrlSettings,
  client: ClientAddress,
): string {
  return toBaseUrl(request, settings, client) + settings.pathPrefix + path;
}

/**
 * The link from the page at `fromPath` to `toPath`, both paths of the service that begin with a slash, without host.
 * Relative, so that it holds behind a proxy that strips a prefix which the service does not know; a slash at the end
 * of `fromPath`, or doubled ones, count as the browser counts them (RFC 3986, section 5.2).
 */
export function toRelativeUrl(fromPath: string, toPath: string): string {
  const path = fromPath.split(/[?#]/, 1)[0] ?? '';
  const depth = path.split('/').length - 2;
  return `${depth > 0 ? '../'.repeat(depth) : './'}${toPath.replace(/^\/+/, '')}`;
}
