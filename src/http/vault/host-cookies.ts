import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseCookie, type SetCookie, stringifySetCookie } from 'cookie';
import type { Settings } from '../../config/settings.ts';
import type { ClientAddress } from '../guards/client-address.ts';

/**
 * Browsers take the prefix only with `Secure`, `Path=/` and no domain, so that no neighbour can set it (RFC 6265bis, section
 * 4.1.3.2). Over plain HTTP, as in a home network, they would not keep such a cookie: there it has no prefix.
 */
const SECURE_PREFIX = '__Host-';

interface HostCookie {
  /** Without the prefix. */
  readonly name: string;
  /** Empty: the cookie is deleted. */
  readonly value: string;
  /** In seconds. */
  readonly maxAge: number;
  /** `lax`: sent too when a link of another site leads here. */
  readonly sameSite: 'strict' | 'lax';
}

/** Reads and writes cookies of the pages, whose values are never logged. */
export interface HostCookies {
  /** `undefined` if there is none of the name, or more than one: a neighbour may have set the other. */
  read(request: IncomingMessage, name: string): string | undefined;
  /** The names that begin with a text, without the secure prefix. */
  names(request: IncomingMessage, start: string): readonly string[];
  write(request: IncomingMessage, response: ServerResponse, cookie: HostCookie): void;
}

/** The cookies of a service at `publicUrl`, or wherever the request says. */
export function createHostCookies({ publicUrl }: Pick<Settings, 'publicUrl'>, client: ClientAddress): HostCookies {
  const isAlwaysSecure = publicUrl?.toLowerCase().startsWith('https:') ?? false;
  const isSecure = (request: IncomingMessage) => isAlwaysSecure || client.isHttps(request);
  const prefixOf = (request: IncomingMessage) => (isSecure(request) ? SECURE_PREFIX : '');
  const namesIn = ({ headers }: IncomingMessage) => (headers.cookie ?? '').split(';').map(nameOf);

  return {
    read(request, name) {
      const fullName = prefixOf(request) + name;
      const isAlone = namesIn(request).filter((one) => one === fullName).length === 1;
      return isAlone ? parseCookie(request.headers.cookie ?? '')[fullName] : undefined;
    },
    names(request, start) {
      const prefix = prefixOf(request);
      const found = namesIn(request).filter((one) => one.startsWith(prefix + start));
      return [...new Set(found)].map((one) => one.slice(prefix.length));
    },
    write(request, response, { name, value, maxAge, sameSite }) {
      const secure = isSecure(request);
      const cookie: SetCookie = {
        name: prefixOf(request) + name,
        value,
        maxAge: value === '' ? 0 : maxAge,
        path: '/',
        httpOnly: true,
        secure,
        sameSite,
      };
      response.appendHeader('Set-Cookie', stringifySetCookie(cookie));
    },
  };
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  return (equals === -1 ? pair : pair.slice(0, equals)).trim();
}
