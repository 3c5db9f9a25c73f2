import type { IncomingMessage } from 'node:http';

/** Where OpenID providers lead a browser back after a log-in; one for all, since `iss` and PKCE keep them apart. */
export const CALLBACK_PATH = 'vault/log-in/callback';
/** Where they report that a session has ended. */
export const BACK_CHANNEL_PATH = 'vault/log-in/back-channel';

/** What a path of the service names: a server (none in single-server mode) and something under it. */
export interface ServicePath {
  readonly server: string | undefined;
  /** A tool's name or a page's, decoded. */
  readonly name: string;
}

export interface PathSettings {
  readonly pathPrefix: string;
  readonly singleServer: boolean;
}

/** The path of a request target without query, doubled slashes and the slash at the end. */
export function toPathname(target: string): string {
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  const single = path.includes('//') ? path.replace(/\/{2,}/g, '/') : path;
  return single.length > 1 && single.endsWith('/') ? single.slice(0, -1) : single;
}

/**
 * Reads a path as `{prefix}<server>/<name>` (or `{prefix}<name>` in single-server mode), `undefined` when it is not of
 * that shape. Segments are split before they are decoded, and each is decoded once.
 */
export function parseServicePath(
  pathname: string,
  { pathPrefix, singleServer }: PathSettings,
): ServicePath | undefined {
  if (!pathname.startsWith(pathPrefix)) return undefined;
  const rest = pathname.slice(pathPrefix.length);
  const slash = rest.indexOf('/');
  const serverPart = singleServer ? '' : rest.slice(0, Math.max(slash, 0));
  const namePart = singleServer ? rest : rest.slice(slash + 1);
  if (namePart === '' || (!singleServer && serverPart === '')) return undefined;
  const server = decode(serverPart);
  const name = decode(namePart);
  if (server === undefined || name === undefined) return undefined;
  return { server: singleServer ? undefined : server, name };
}

/** The name of the server that a path `{prefix}<server>` names; `undefined` for other paths and in single-server mode. */
export function parseServerPath(pathname: string, { pathPrefix, singleServer }: PathSettings): string | undefined {
  if (singleServer || !pathname.startsWith(pathPrefix)) return undefined;
  const name = pathname.slice(pathPrefix.length);
  return name === '' || name.includes('/') ? undefined : decode(name);
}

/** Where a page of the service answers: at the root, and under the prefix for proxies that forward nothing else. */
export function toServicePaths(path: string, { pathPrefix }: Pick<PathSettings, 'pathPrefix'>): string[] {
  return [...new Set(['/', pathPrefix])].map((base) => base + path);
}

/** The URL path of a server, as it is registered in Open WebUI: without slash at the end, `""` for the root. */
export function serverPath(server: string, { pathPrefix, singleServer }: PathSettings): string {
  const path = singleServer ? pathPrefix : pathPrefix + encodeURIComponent(server);
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/** A path without its slash as the pages know it: under the root and, where it begins with the path prefix, under that. */
export function toPagePaths(pathname: string, { pathPrefix }: Pick<PathSettings, 'pathPrefix'>): string[] {
  const atRoot = pathname.slice(1);
  const isPrefixed = pathPrefix !== '/' && pathname.startsWith(pathPrefix);
  return isPrefixed ? [atRoot, pathname.slice(pathPrefix.length)] : [atRoot];
}

/**
 * Whether a path belongs to the pages of users and admins or to the vault's API, which identify the caller themselves. A
 * `POST` to `/vault` or `/admin` itself does not: in single-server mode a tool may have that name.
 */
export function isVaultPath(
  pathname: string,
  method: string | undefined,
  settings: Pick<PathSettings, 'pathPrefix'>,
): boolean {
  const pages = method === 'POST' ? /^(?:vault|admin)\// : /^(?:vault|admin)(?:\/|$)/;
  return toPagePaths(pathname, settings).some((path) => pages.test(path));
}

/** The keys that verify the service's tokens, where OpenID providers have theirs too. */
export const KEY_SET_PATH = '.well-known/jwks.json';

/**
 * Whether a path needs no key even under strict authentication: the checks of load balancers, the keys for servers that
 * verify a user's token, and the styles and scripts of pages that users open by a link.
 */
export function isPublicPath(pathname: string, settings: Pick<PathSettings, 'pathPrefix'>): boolean {
  if (pathname === '/healthz' || pathname === '/readyz') return true;
  return toPagePaths(pathname, settings).some((path) => path === KEY_SET_PATH || path.startsWith('docs/assets/'));
}

/**
 * A request's path as logs may have it: without its query, without users, and without the tokens of setup links, which
 * open for anyone who knows them.
 */
export function loggedPath(request: Pick<IncomingMessage, 'url'> & { readonly originalUrl?: string }): string {
  // Express changes `url` on the way.
  const [path = ''] = (request.originalUrl ?? request.url ?? '').split('?');
  return path.replace(/(\/vault\/+(?:link|api\/+users)\/+)[^/]+/i, '$1…');
}

function decode(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
