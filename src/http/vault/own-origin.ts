import type { IncomingMessage } from 'node:http';
import { ForbiddenError } from '../../errors.ts';
import type { OwnHosts } from '../guards/own-hosts.ts';

/**
 * Throws `ForbiddenError` unless a page of ours made the request. Browsers say so by `Origin`, or, where that is missing
 * or hidden by a referrer policy, by `Sec-Fetch-Site`; neither can be set by a script. `Host` alone proves nothing: it is
 * whatever name the browser was led by.
 */
export function assertOwnOrigin(request: IncomingMessage, ownHosts: OwnHosts): void {
  const { origin, host, 'sec-fetch-site': site } = request.headers;
  if (site !== undefined && site !== 'same-origin') throw foreign();
  if (origin === undefined || origin === 'null') {
    if (site === 'same-origin' && ownHosts.has(host)) return;
    throw foreign();
  }
  if (!ownHosts.isOwnOrigin(origin, request)) throw foreign();
}

function foreign(): ForbiddenError {
  return new ForbiddenError(
    'This did not come from a page of the service at one of its known addresses, so nothing was changed. Load the page again; if that does not help, the admin has to set MCPO_PUBLIC_URL to the URL that you see there, or add its host to MCPO_ALLOWED_HOSTS.',
  );
}
