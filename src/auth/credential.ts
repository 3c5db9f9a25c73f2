import { UnauthenticatedError } from '../errors.ts';
import type { Principal } from './principal.ts';

/** The part of a request that says who calls; node's own `IncomingMessage` is one. */
export interface AuthRequest {
  /** Names and values in turn, as they came: here duplicates are still seen. */
  readonly rawHeaders: readonly string[];
}

/** `basic`: browsers can open a page under strict authentication; the password is the API key (RFC 7617). */
export type AcceptedScheme = 'bearer' | 'bearer-or-basic';

/**
 * The key or token of the `Authorization` header (RFC 6750, section 2.1; RFC 7617). Throws `UnauthenticatedError` when
 * there is none, or more than one header: a proxy in front may have looked at the other one.
 */
export function presentedCredential(request: AuthRequest, accepted: AcceptedScheme): string {
  const challenge = accepted === 'bearer' ? 'Bearer' : 'Basic realm="mcpo-ts", charset="UTF-8", Bearer';
  const [authorization, ...more] = authorizationHeaders(request);
  if (more.length > 0) {
    throw new UnauthenticatedError('More than one Authorization header was sent; send one.', challenge);
  }
  const credential = parseCredential(authorization ?? '', accepted);
  if (credential === undefined) throw new UnauthenticatedError('Missing or invalid Authorization header', challenge);
  return credential;
}

/**
 * The caller's own access token, to be sent on where a server's settings ask for it; `undefined` unless the request was
 * made with one of an issuer whose keys are public. API keys, tokens that are signed with a secret, Open WebUI's
 * session tokens and identity headers are never given out.
 */
export function accessTokenOf(principal: Principal, request: AuthRequest): string | undefined {
  if (principal.kind !== 'user' || principal.token?.isAccessToken !== true) return undefined;
  const [authorization, ...more] = authorizationHeaders(request);
  return more.length > 0 ? undefined : /^bearer +([^\s,]+)$/i.exec(authorization ?? '')?.[1];
}

function authorizationHeaders({ rawHeaders }: AuthRequest): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length !== 13 || name.toLowerCase() !== 'authorization') continue;
    values.push((rawHeaders[index + 1] ?? '').trim());
  }
  return values;
}

function parseCredential(authorization: string, accepted: AcceptedScheme): string | undefined {
  const [, scheme, rest = ''] = /^(bearer|basic) (.*)$/is.exec(authorization) ?? [];
  const credential = rest.trim();
  if (scheme === undefined || credential === '') return undefined;
  if (scheme.toLowerCase() === 'bearer') return credential;
  if (accepted !== 'bearer-or-basic') return undefined;
  const userAndPassword = Buffer.from(credential, 'base64').toString('utf8');
  const colon = userAndPassword.indexOf(':');
  return (colon === -1 ? '' : userAndPassword.slice(colon + 1)) || undefined;
}
