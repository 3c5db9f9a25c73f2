import type { ClientHeaderForwarding } from '../config/server-config.ts';

/**
 * Credentials, identity and what belongs to one connection are never passed on, whatever the lists say. A trace is: by
 * itself, once it was validated.
 */
const NEVER =
  /^(authorization|proxy-.*|cookie|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-.*|accept|accept-encoding|expect|mcp-.*|traceparent|tracestate|x-openwebui-.*|x-user-.*)$/;

/** The caller's headers that the admin lets through to the server; none unless the whitelist names them. */
export function forwardedHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  { whitelist, blacklist }: ClientHeaderForwarding,
): Record<string, string> {
  const forwarded: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || NEVER.test(name)) continue;
    if (matchesAny(whitelist, name) && !matchesAny(blacklist, name)) forwarded[name] = value;
  }
  return forwarded;
}

function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name));
}
