import { CLOCK_SKEW_SECONDS, checkTokenClaims, isIdentifier } from '../claims.ts';
import type { JsonObject } from '../json-body.ts';
import { TokenRefusedError } from '../token-refused-error.ts';

const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** A token without `exp`, as older providers send, counts this long after its `iat`, in seconds. */
const LIFETIME_SECONDS = 300;

/** What a logout token ends. */
export interface LogoutNotice {
  readonly subject: string | undefined;
  readonly sid: string | undefined;
  readonly tokenId: string;
  /** Milliseconds since the epoch; the token counts no longer. */
  readonly expiresAt: number;
}

/**
 * Checks the claims of a logout token whose issuer and signature are verified (OpenID Connect Back-Channel Logout 1.0,
 * section 2.6). An ID token does not pass for one: it has no event, and may have a nonce. Throws `TokenRefusedError`.
 */
export function readLogoutNotice(claims: JsonObject, clientIds: readonly string[], nowSeconds: number): LogoutNotice {
  const { iat, jti, sub, sid, events } = claims;
  if (typeof iat !== 'number') throw refused('no iat');
  if (claims.aud === undefined) throw refused('no aud');
  const withEnd = Object.hasOwn(claims, 'exp') ? claims : { ...claims, exp: iat + LIFETIME_SECONDS };
  const expiresAt = checkTokenClaims(withEnd, clientIds, nowSeconds);
  if (Object.hasOwn(claims, 'nonce')) throw refused('has a nonce');
  const event = isObject(events) && Object.hasOwn(events, LOGOUT_EVENT) ? events[LOGOUT_EVENT] : undefined;
  if (!isObject(event)) throw refused('no logout event');
  if (!isIdentifier(jti)) throw refused('no jti');
  const hasSubject = isIdentifier(sub);
  const hasSid = isIdentifier(sid);
  if ((sub !== undefined && !hasSubject) || (sid !== undefined && !hasSid)) throw refused('sub or sid is not text');
  if (!hasSubject && !hasSid) throw refused('neither sub nor sid');
  return {
    subject: hasSubject ? sub : undefined,
    sid: hasSid ? sid : undefined,
    tokenId: jti,
    expiresAt: (expiresAt + CLOCK_SKEW_SECONDS) * 1_000,
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(detail: string): TokenRefusedError {
  return new TokenRefusedError('not-valid', detail);
}
