/**
 * The path of a document under which a tool is called: `/<tool>`, or `/<server>/<tool>` when a server is given, each
 * name percent-encoded as one segment (RFC 3986, section 3.3), so without braces, which would make a template.
 * `undefined` for names that no URL can carry: empty ones, `.`, `..` and broken Unicode.
 */
export function toToolPath(tool: string, server?: string): string | undefined {
  const segments = server === undefined ? [tool] : [server, tool];
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..' || !segment.isWellFormed()))
    return undefined;
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('');
}
