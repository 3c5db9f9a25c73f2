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

/** The URL path of a server, as it is registered in Open WebUI: without slash at the end, `""` for the root. */
export function serverPath(server: string, { pathPrefix, singleServer }: PathSettings): string {
  const path = singleServer ? pathPrefix : pathPrefix + encodeURIComponent(server);
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function decode(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
