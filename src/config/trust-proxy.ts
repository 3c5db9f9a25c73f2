import { isIP } from 'node:net';

/** Whose `X-Forwarded-*` headers are believed. */
export type TrustProxy =
  | { readonly kind: 'none' }
  /** So many proxies stand in front, whatever their addresses. */
  | { readonly kind: 'hops'; readonly count: number }
  /** Proxies with these addresses, each as `address/prefix`. */
  | { readonly kind: 'networks'; readonly networks: readonly string[] };

export const TRUST_NONE: TrustProxy = { kind: 'none' };

/** What the setting must look like, to be said when it does not. */
export const TRUST_PROXY_RULE =
  'must be the number of proxies in front, or a list of their addresses such as 10.0.0.0/8,loopback (also linklocal, uniquelocal), or none.';

const MAX_HOPS = 20;

/** The names that Express has for them. */
const NAMED_NETWORKS: ReadonlyMap<string, readonly string[]> = new Map([
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['linklocal', ['169.254.0.0/16', 'fe80::/10']],
  ['uniquelocal', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']],
]);

/**
 * Reads `MCPO_TRUST_PROXY`. Returns `undefined` for what it cannot be; so for `true`, which would let every caller
 * choose his own address.
 */
export function parseTrustProxy(text: string): TrustProxy | undefined {
  const trimmed = text.trim().toLowerCase();
  if (['', 'none', 'off', 'false', '0'].includes(trimmed)) return TRUST_NONE;
  if (/^\d+$/.test(trimmed)) {
    const count = Number(trimmed);
    return count <= MAX_HOPS ? { kind: 'hops', count } : undefined;
  }
  const networks: string[] = [];
  for (const part of trimmed.split(',')) {
    const found = toNetworks(part.trim());
    if (found === undefined) return undefined;
    networks.push(...found);
  }
  return { kind: 'networks', networks };
}

function toNetworks(text: string): readonly string[] | undefined {
  const named = NAMED_NETWORKS.get(text);
  if (named !== undefined) return named;
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || rest.length > 0) return undefined;
  const bits = family === 4 ? 32 : 128;
  if (prefix === undefined) return [`${address}/${bits}`];
  // A prefix of 0 would trust everyone, like `true`.
  const isUsable = /^\d{1,3}$/.test(prefix) && Number(prefix) >= 1 && Number(prefix) <= bits;
  return isUsable ? [`${address}/${Number(prefix)}`] : undefined;
}
