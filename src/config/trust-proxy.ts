import { isIP } from 'node:net';

/** Networks of proxies whose `X-Forwarded-*` headers are believed, each as `address/prefix`. */
export type TrustProxy = readonly string[];

export const TRUST_NONE: TrustProxy = [];

/** Ends a message about a malformed setting. */
export const TRUST_PROXY_RULE =
  'must name the proxies in front by address, such as 192.0.2.10,10.0.0.0/8 or loopback, uniquelocal, linklocal; or be none. A number or "true" names none: any client could then choose its address.';

/** Bits; wider networks contain more than proxies. The widest in use are 10.0.0.0/8 and fc00::/7. */
const MIN_PREFIX = { 4: 8, 6: 7 } as const;

/** The names that Express has for them. */
const NAMED_NETWORKS: ReadonlyMap<string, readonly string[]> = new Map([
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['linklocal', ['169.254.0.0/16', 'fe80::/10']],
  ['uniquelocal', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']],
]);

/**
 * Reads `MCPO_TRUST_PROXY`. Returns `undefined` for a malformed value, and for `true`, a number of proxies and networks
 * as wide as the internet, with which callers could choose the address that limits and the audit log see.
 */
export function parseTrustProxy(text: string): TrustProxy | undefined {
  const trimmed = text.trim().toLowerCase();
  if (['', 'none', 'off', 'false', '0'].includes(trimmed)) return TRUST_NONE;
  const networks: string[] = [];
  for (const part of trimmed.split(',')) {
    const found = toNetworks(part.trim());
    if (found === undefined) return undefined;
    networks.push(...found);
  }
  return networks;
}

function toNetworks(text: string): readonly string[] | undefined {
  const named = NAMED_NETWORKS.get(text);
  if (named !== undefined) return named;
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || rest.length > 0) return undefined;
  const bits = family === 4 ? 32 : 128;
  if (prefix === undefined) return [`${address}/${bits}`];
  const minimum = MIN_PREFIX[family === 4 ? 4 : 6];
  const isUsable = /^\d{1,3}$/.test(prefix) && Number(prefix) >= minimum && Number(prefix) <= bits;
  return isUsable ? [`${address}/${Number(prefix)}`] : undefined;
}
