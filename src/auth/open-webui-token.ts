import { createSecretKey } from 'node:crypto';
import { checkTokenClaims, type ExpectedClaims, isIdentifier } from './claims.ts';
import type { JsonObject } from './json-body.ts';
import { parseToken, verifySignature } from './token.ts';
import { OPEN_WEBUI_ISSUER, type UserProfile } from './user.ts';

export interface OpenWebUiToken {
  readonly payload: JsonObject;
  /** In seconds. */
  readonly expiresAt: number;
}

/**
 * Makes the check of tokens that Open WebUI signs with a secret, always with HS256; the check takes the time in
 * milliseconds since the epoch and throws `TokenRefusedError`.
 */
export function createOpenWebUiTokenCheck(
  secret: string,
  expected: ExpectedClaims,
): (token: string, now: number) => OpenWebUiToken {
  const key = createSecretKey(Buffer.from(secret, 'utf8'));
  return (token, now) => {
    parseToken(token);
    const payload = verifySignature(token, key, ['HS256']);
    return { payload, expiresAt: checkTokenClaims(payload, expected, now / 1_000) };
  };
}

/** The user whom Open WebUI describes; `undefined` if the id is unusable. Only the id identifies them. */
export function toOpenWebUiUser(id: unknown, { email, name, role }: JsonObject): UserProfile | undefined {
  const text = (value: unknown) => (isIdentifier(value) ? value : undefined);
  return isIdentifier(id)
    ? { issuer: OPEN_WEBUI_ISSUER, subject: id, email: text(email), name: text(name), role: text(role) }
    : undefined;
}
