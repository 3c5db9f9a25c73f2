import type { IncomingMessage } from 'node:http';
import type { ClientAddress } from './client-address.ts';
import type { HeaderList } from './security-headers.ts';

/** A year, as preload lists ask for; not for subdomains, of which the service knows nothing. */
const HEADER: HeaderList = [['Strict-Transport-Security', 'max-age=31536000']];
const NONE: HeaderList = [];
/** A browser would ask for TLS from every other program of the developer's machine too. */
const OWN_MACHINE = /^(?:.+\.)?localhost(?::\d+)?$/i;

/**
 * The header that makes browsers ask for TLS only (RFC 6797), for requests that came over TLS: to us, or to a trusted
 * proxy that says so. Over plain HTTP it must not be sent (section 7.2).
 */
export function strictTransportSecurity(request: IncomingMessage, client: ClientAddress): HeaderList {
  if (!client.isHttps(request)) return NONE;
  return OWN_MACHINE.test(client.hostOf(request) ?? '') ? NONE : HEADER;
}
