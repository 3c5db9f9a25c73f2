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
