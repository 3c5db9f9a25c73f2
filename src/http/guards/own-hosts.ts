import type { IncomingMessage } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';
import { BoundedMap } from '../../bounded-map.ts';
import type { Settings } from '../../config/settings.ts';
import { ForbiddenError } from '../../errors.ts';
import { parseUrl } from '../../parse-url.ts';
import type { ClientAddress } from './client-address.ts';

export type OwnHostSettings = Pick<Settings, 'host' | 'publicUrl' | 'allowedHosts'>;

/** Under which names and addresses the service is reached; what a request says in `Host` is never one by itself. */
export interface OwnHosts {
  /** Whether a `Host` header, with or without a port, names this service. */
  has(host: string | undefined): boolean;
  /** Whether an `Origin` is one of ours for this request: of the public URL, or of the own host that was asked for. */
  isOwnOrigin(origin: string, request: IncomingMessage): boolean;
}

const EVERYWHERE = new Set(['0.0.0.0', '[::]', '::']);
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
/** `Host` headers that were found to be ours: one name can be written in many ways. */
const MAX_REMEMBERED = 1_000;

/**
 * Own are: this machine's loopback names, `--host`, the host of MCPO_PUBLIC_URL, `--allowed-hosts`, and where the
 * service listens on every interface, the machine's name and the addresses of its interfaces.
 */
export function createOwnHosts(settings: OwnHostSettings, client: ClientAddress): OwnHosts {
  const { host, publicUrl, allowedHosts } = settings;
  const publicOrigin = publicUrl === undefined ? undefined : new URL(publicUrl).origin;
  const listensEverywhere = EVERYWHERE.has(host);
  const configured = new Set(
    [host, publicUrl === undefined ? undefined : new URL(publicUrl).host, ...allowedHosts]
      .map((one) => (one === undefined ? undefined : toHostname(one)))
      .filter((one) => one !== undefined),
  );
  const remembered = new BoundedMap<string, true>(MAX_REMEMBERED);

  const isOwn = (given: string): boolean => {
    const name = toHostname(given);
    if (name === undefined) return false;
    return LOOPBACK.test(name) || configured.has(name) || (listensEverywhere && machineNames().has(name));
  };
  const has: OwnHosts['has'] = (given) => {
    if (given === undefined) return false;
    if (remembered.has(given)) return true;
    if (!isOwn(given)) return false;
    remembered.set(given, true);
    return true;
  };
  return {
    has,
    isOwnOrigin: (origin, request) => {
      const text = origin.toLowerCase();
      if (text === publicOrigin) return true;
      const asked = client.hostOf(request);
      // What a trusted proxy forwards is its own word, and not the sender's.
      if (asked === undefined || !(has(asked) || client.isForwardedHost(request))) return false;
      return text === toOrigin(asked, client.isHttps(request));
    },
  };
}

/**
 * Throws `ForbiddenError` unless a page of ours made the request. Browsers say so by `Origin`, or, where that is missing
 * or hidden by a referrer policy, by `Sec-Fetch-Site`; neither can be set by a script. `Host` alone proves nothing: it is
 * whatever name the browser was led by.
 */
export function assertOwnOrigin(request: IncomingMessage, ownHosts: OwnHosts): void {
  const { origin, host, 'sec-fetch-site': site } = request.headers;
  if (site !== undefined && site !== 'same-origin') throw notOwnPage();
  if (origin === undefined || origin === 'null') {
    if (site === 'same-origin' && ownHosts.has(host)) return;
    throw notOwnPage();
  }
  if (!ownHosts.isOwnOrigin(origin, request)) throw notOwnPage();
}

function notOwnPage(): ForbiddenError {
  return new ForbiddenError(
    'This did not come from a page of the service at one of its known addresses, so nothing was changed. Load the page again; if that does not help, the admin has to set MCPO_PUBLIC_URL to the URL that you see there, or add its host to MCPO_ALLOWED_HOSTS.',
  );
}

/** As browsers write it: lower case, without the scheme's own port. */
function toOrigin(host: string, isHttps: boolean): string | undefined {
  const url = `${isHttps ? 'https' : 'http'}://${host}`;
  return parseUrl(url)?.origin;
}

/** `Example.org:80` as `example.org`, `::1` and `[::1]:80` as `[::1]`; `undefined` for what is not a host. */
function toHostname(host: string): string | undefined {
  const isBareIPv6 = !host.startsWith('[') && host.split(':').length > 2;
  const url = `http://${isBareIPv6 ? `[${host}]` : host}`;
  return parseUrl(url)?.hostname;
}

/** The machine's name, also as multicast DNS has it, and the addresses of its interfaces now. */
function machineNames(): ReadonlySet<string> {
  const name = hostname().toLowerCase();
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return new Set([name, `${name.split('.')[0]}.local`, ...addresses.map(({ address }) => toHostname(address) ?? '')]);
}
