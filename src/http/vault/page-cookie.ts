import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseCookie, type SetCookie, stringifySetCookie } from 'cookie';
import type { Settings } from '../../config/settings.ts';
import type { ClientAddress } from '../guards/client-address.ts';

/** Browsers take the prefix only with `Secure`, `Path=/` and no domain, so that no neighbour can set it (RFC 6265bis, section 4.1.3.2). */
const SECURE_NAME = '__Host-mcpo-vault';
/** Over plain HTTP, as in a home network, browsers would not keep the other. */
const PLAIN_NAME = 'mcpo-vault';

/** The cookie of the pages' sessions. Its value is never logged. */
export interface PageCookie {
  /** `undefined` if there is none, or more than one: a neighbour may have set the other. */
  read(request: IncomingMessage): string | undefined;
  set(request: IncomingMessage, response: ServerResponse, value: string, maxAgeSeconds: number): void;
  clear(request: IncomingMessage, response: ServerResponse): void;
}

/** Makes the cookie for a service at `publicUrl`, or wherever the request says. */
export function createPageCookie({ publicUrl }: Pick<Settings, 'publicUrl'>, client: ClientAddress): PageCookie {
  const isAlwaysSecure = publicUrl?.toLowerCase().startsWith('https:') ?? false;
  const isSecure = (request: IncomingMessage) => isAlwaysSecure || client.isHttps(request);

  const write = (request: IncomingMessage, response: ServerResponse, value: string, maxAge: number): void => {
    const secure = isSecure(request);
    const name = secure ? SECURE_NAME : PLAIN_NAME;
    const cookie: SetCookie = { name, value, maxAge, path: '/', httpOnly: true, secure, sameSite: 'strict' };
    response.setHeader('Set-Cookie', stringifySetCookie(cookie));
  };
  return {
    read: (request) => {
      const header = request.headers.cookie;
      if (header === undefined) return undefined;
      const name = isSecure(request) ? SECURE_NAME : PLAIN_NAME;
      const isAlone = header.split(';').filter((pair) => nameOf(pair) === name).length === 1;
      return isAlone ? parseCookie(header)[name] : undefined;
    },
    set: (request, response, value, maxAgeSeconds) => write(request, response, value, maxAgeSeconds),
    clear: (request, response) => write(request, response, '', 0),
  };
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  return (equals === -1 ? pair : pair.slice(0, equals)).trim();
}
