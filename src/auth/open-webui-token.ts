import { createSecretKey, type KeyObject } from 'node:crypto';
import jwt, { type VerifyOptions } from 'jsonwebtoken';
import { checkTokenClaims, type ExpectedClaims } from './token-checks.ts';
import { parseToken } from './token-parts.ts';
import { TokenRefusedError } from './token-refusal.ts';

/** Open WebUI signs in this way only. */
const ALGORITHM = 'HS256';

export interface OpenWebUiToken {
  readonly payload: Readonly<Record<string, unknown>>;
  /** In seconds. */
  readonly expiresAt: number;
}

/** Makes the check of tokens that Open WebUI signs with a secret; the check throws `TokenRefusedError`. */
export function createOpenWebUiTokenCheck(
  secret: string,
  expected: ExpectedClaims,
): (token: string, now: number) => OpenWebUiToken {
  const key = createSecretKey(Buffer.from(secret, 'utf8'));
  return (token, now) => {
    parseToken(token);
    const payload = verifySignature(token, key);
    return { payload, expiresAt: checkTokenClaims(payload, expected, now / 1_000) };
  };
}

function verifySignature(token: string, key: KeyObject): Readonly<Record<string, unknown>> {
  try {
    // The times are checked afterwards, as they are for every token.
    const options: VerifyOptions & { complete?: false } = {
      algorithms: [ALGORITHM],
      ignoreExpiration: true,
      ignoreNotBefore: true,
    };
    const payload = jwt.verify(token, key, options);
    if (typeof payload === 'object') return payload;
  } catch {
    // Why is nobody's business but the signer's.
  }
  throw new TokenRefusedError('not-valid', 'signature');
}
