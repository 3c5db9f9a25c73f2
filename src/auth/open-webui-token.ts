import { createSecretKey } from 'node:crypto';
import { checkTokenClaims, isIdentifier } from './claims.ts';
import type { JsonObject } from './json-body.ts';
import { parseToken, verifySignature } from './token.ts';
import { TokenRefusedError } from './token-refused-error.ts';
import { OPEN_WEBUI_ISSUER, type UserProfile } from './user.ts';

/** Verifies a token and returns its claims, with `exp` in seconds. Throws `TokenRefusedError`. */
export type OpenWebUiTokenCheck = (token: string) => { readonly payload: JsonObject; readonly expiresAt: number };

/** Makes the check of tokens that Open WebUI signs with a secret, always with HS256 and for no audience. */
export function createOpenWebUiTokenCheck(secret: string): OpenWebUiTokenCheck {
  const key = createSecretKey(Buffer.from(secret, 'utf8'));
  return (token) => {
    parseToken(token);
    const payload = verifySignature(token, key, 'HS256');
    return { payload, expiresAt: checkTokenClaims(payload, [], Date.now() / 1_000) };
  };
}

/** The user whom Open WebUI describes. Only the id identifies them; throws `TokenRefusedError` if it is unusable. */
export function toOpenWebUiUser(id: unknown, { email, name, role }: JsonObject): UserProfile {
  const text = (value: unknown) => (isIdentifier(value) ? value : undefined);
  if (!isIdentifier(id)) throw new TokenRefusedError('not-valid', 'no usable subject');
  return { issuer: OPEN_WEBUI_ISSUER, subject: id, email: text(email), name: text(name), role: text(role) };
}
