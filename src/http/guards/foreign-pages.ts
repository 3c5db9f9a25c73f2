import type { IncomingMessage } from 'node:http';
import { ForbiddenError } from '../../errors.ts';
import { requireJson } from '../tool-call/parse-arguments.ts';
import type { ClientAddress } from './client-address.ts';
import type { OwnHosts } from './own-hosts.ts';

/** What load balancers request under any name; it contains no data of users. */
const OPEN_TO_ALL = new Set(['/healthz', '/readyz']);
/** Of a header that a caller sent. */
const MAX_QUOTED_CHARACTERS = 200;
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Keeps the pages of other origins away from a service without authentication: every browser on this machine could
 * call its tools otherwise. Browsers say by `Origin` and `Sec-Fetch-Site` which page made a request, and by `Host` which
 * name it used, so that a name that an attacker points here (DNS rebinding) shows. Pages of `origins` are let through.
 * Throws `ForbiddenError`, and `UnsupportedMediaTypeError` for a body that a form could send.
 */
export function createForeignPagesGuard(ownHosts: OwnHosts, client: ClientAddress, origins: readonly string[]) {
  const allowsAll = origins.includes('*');
  const allowed = new Set(origins.map((origin) => origin.toLowerCase()));

  return (request: IncomingMessage, pathname: string): void => {
    if (OPEN_TO_ALL.has(pathname)) return;
    const { headers, method = '' } = request;
    const host = client.hostOf(request);
    if (!ownHosts.has(host)) throw foreignHost(host);
    const { origin } = headers;
    const isAllowed = origin !== undefined && (allowsAll || allowed.has(origin.toLowerCase()));
    if (origin !== undefined && !isAllowed && !ownHosts.isOwnOrigin(origin, request)) throw foreignOrigin(origin);
    if (READS.has(method)) return;
    const site = headers['sec-fetch-site'];
    if (!isAllowed && (site === 'cross-site' || site === 'same-site')) throw foreignOrigin(undefined);
    if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0) {
      requireJson(headers['content-type'] ?? 'none');
    }
  };
}

function foreignHost(host: string | undefined): ForbiddenError {
  const name = host === undefined ? 'no usable Host' : `the Host ${host.slice(0, MAX_QUOTED_CHARACTERS)}`;
  return new ForbiddenError(
    `This service has no authentication, and the request came for ${name}, which is not one of its own. Use an address that it listens on, add the name with --allowed-hosts (MCPO_ALLOWED_HOSTS), or set MCPO_API_KEY.`,
  );
}

function foreignOrigin(origin: string | undefined): ForbiddenError {
  const page = origin === undefined ? 'a page of another site' : `a page of ${origin.slice(0, MAX_QUOTED_CHARACTERS)}`;
  return new ForbiddenError(
    `This service has no authentication, and ${page} may not use it. Allow the origin with --cors-allow-origins, or set MCPO_API_KEY.`,
  );
}
