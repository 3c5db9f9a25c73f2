import type { IncomingMessage } from 'node:http';
import type { Settings } from '../../config/settings.ts';
import { ForbiddenError } from '../../errors.ts';
import type { ClientAddress } from '../guards/client-address.ts';

/**
 * Throws `ForbiddenError` unless a page of ours made the request. Browsers tell by `Origin`, or, where that is missing
 * or hidden by a referrer policy, by `Sec-Fetch-Site`; neither can be set by a script.
 */
export function assertOwnOrigin(
  request: IncomingMessage,
  { publicUrl }: Pick<Settings, 'publicUrl'>,
  client: ClientAddress,
): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (site !== undefined && site !== 'same-origin') throw foreign();
  if (origin === undefined || origin === 'null') {
    if (site === 'same-origin') return;
    throw foreign();
  }
  const own = [toOrigin(publicUrl), toOrigin(requestUrl(request, client))];
  if (!own.includes(origin.toLowerCase())) throw foreign();
}

function requestUrl(request: IncomingMessage, client: ClientAddress): string | undefined {
  const host = client.hostOf(request);
  return host === undefined ? undefined : `${client.isHttps(request) ? 'https' : 'http'}://${host}`;
}

/** As browsers write it: lower case, without the scheme's own port. Never `undefined` where a text is compared. */
function toOrigin(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined;
}

function foreign(): ForbiddenError {
  return new ForbiddenError(
    'This did not come from a page of the service, so nothing was changed: open the page anew; if that does not help, the admin has to set MCPO_PUBLIC_URL to the URL that you see there.',
  );
}
