import { UnauthenticatedError } from '../errors.ts';
import { type AuthRequest, headerValues } from './auth-request.ts';

/** `basic`: browsers can open a page under strict authentication; the password is the API key (RFC 7617). */
export type AcceptedScheme = 'bearer' | 'bearer-or-basic';

/**
 * The key or token of the `Authorization` header (RFC 6750, section 2.1; RFC 7617). Throws `UnauthenticatedError` when
 * there is none, or more than one header: a proxy in front may have looked at the other one.
 */
export function presentedCredential(request: AuthRequest, accepted: AcceptedScheme): string {
  const values = headerValues(request, 'authorization');
  if (values.length > 1) {
    throw new UnauthenticatedError('More than one Authorization header was sent; send one.', challengeOf(accepted));
  }
  const credential = values[0] === undefined ? undefined : parseCredential(values[0], accepted);
  if (credential === undefined) {
    throw new UnauthenticatedError('Missing or invalid Authorization header', challengeOf(accepted));
  }
  return credential;
}

function parseCredential(authorization: string, accepted: AcceptedScheme): string | undefined {
  const space = authorization.indexOf(' ');
  if (space === -1) return undefined;
  const scheme = authorization.slice(0, space).toLowerCase();
  const credential = authorization.slice(space).trim();
  if (credential === '') return undefined;
  if (scheme === 'bearer') return credential;
  if (scheme !== 'basic' || accepted !== 'bearer-or-basic') return undefined;
  const userAndPassword = Buffer.from(credential, 'base64').toString('utf8');
  const colon = userAndPassword.indexOf(':');
  const password = colon === -1 ? '' : userAndPassword.slice(colon + 1);
  return password === '' ? undefined : password;
}

function challengeOf(accepted: AcceptedScheme): string {
  return accepted === 'bearer' ? 'Bearer' : 'Basic realm="mcpo-ts", charset="UTF-8", Bearer';
}
