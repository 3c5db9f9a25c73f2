import { type AuthRequest, headerValues } from './auth-request.ts';
import type { Principal } from './principal.ts';

const BEARER = /^bearer +([^\s,]+)$/i;

/**
 * The caller's own access token, to be sent on where a server's settings ask for it; `undefined` unless the request was
 * made with one of an issuer whose keys are public. API keys, tokens that are signed with a secret, Open WebUI's
 * session tokens and identity headers are never given out.
 */
export function accessTokenOf(principal: Principal, request: AuthRequest): string | undefined {
  if (principal.kind !== 'user' || principal.token?.isAccessToken !== true) return undefined;
  const [authorization, ...more] = headerValues(request, 'authorization');
  if (authorization === undefined || more.length > 0) return undefined;
  return BEARER.exec(authorization)?.[1];
}
