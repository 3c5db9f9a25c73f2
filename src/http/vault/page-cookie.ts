import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseCookie, type SetCookie, stringifySetCookie } from 'cookie';
import type { Settings } from '../../config/settings.ts';
import type { ClientAddress } from '../guards/client-address.ts';

/** Browsers take the prefix only with `Secure`, `Path=/` and no domain, so that no neighbour can set it (RFC 6265bis, section 4.1.3.2). */
const SECURE_NAME = '__Host-mcpo-vault';
/** Over plain HTTP, as in a home network, browsers would not keep the other. */
const PLAIN_NAME = 'mcpo-vault';

/** The cookie of the pages' sessions, for a service at `publicUrl`, or wherever the request says. Its value is never logged. */
export function createPageCookie({ publicUrl }: Pick<Settings, 'publicUrl'>, client: ClientAddress) {
  const isAlwaysSecure = publicUrl?.toLowerCase().startsWith('https:') ?? false;
  const isSecure = (request: IncomingMessage) => isAlwaysSecure || client.isHttps(request);

  return {
    /** `undefined` if there is none, or more than one: a neighbour may have set the other. */
    read(request: IncomingMessage): string | undefined {
      const header = request.headers.cookie;
      if (header === undefined) return undefined;
      const name = isSecure(request) ? SECURE_NAME : PLAIN_NAME;
      const isAlone = header.split(';').filter((pair) => nameOf(pair) === name).length === 1;
      return isAlone ? parseCookie(header)[name] : undefined;
    },
    /** `maxAge` is in seconds; 0 with an empty value deletes the cookie. */
    write(request: IncomingMessage, response: ServerResponse, value: string, maxAge: number): void {
      const secure = isSecure(request);
      const name = secure ? SECURE_NAME : PLAIN_NAME;
      const cookie: SetCookie = { name, value, maxAge, path: '/', httpOnly: true, secure, sameSite: 'strict' };
      response.setHeader('Set-Cookie', stringifySetCookie(cookie));
    },
  };
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  return (equals === -1 ? pair : pair.slice(0, equals)).trim();
}
