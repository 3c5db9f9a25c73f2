import { isIP } from 'node:net';
import { parseUrl } from '../parse-url.ts';

/** An exact host, or `*.` and a domain of at least two labels. */
const hostPattern = /^(?:\*\.(?=[^.]+\.))?[^*\s/?#@\\]+$/;

/** Why a text cannot be an entry of `allowedHosts`, or `undefined` if it can. */
export function allowedHostProblem(entry: string): string | undefined {
  const isHost = hostPattern.test(entry) && toHost(`http://${entry.replace(/^\*\./, '')}`) !== undefined;
  return isHost ? undefined : 'must be a host such as "mcp.example.org", or "*.example.org" for every host below it.';
}

/** Whether an http or https URL leads to a host that is named, or that is below a `*.` domain. Ports do not count. */
export function isAllowedHost(url: string, allowed: readonly string[]): boolean {
  const host = toHost(url);
  if (host === undefined) return false;
  return allowed.some((entry) => {
    if (!entry.startsWith('*.')) return toHost(`http://${entry}`) === host;
    const domain = toHost(`http://${entry.slice(2)}`);
    return domain !== undefined && isIP(host) === 0 && host.endsWith(`.${domain}`);
  });
}

/** As URL parsers read it: lower case, punycode, IPv4 in its one form; without the root's dot. */
function toHost(url: string): string | undefined {
  const parsed = parseUrl(url);
  if (parsed === undefined) return undefined;
  const { protocol, hostname } = parsed;
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  return hostname.replace(/\.$/, '');
}
