import type { Algorithm } from 'jsonwebtoken';
import type { JsonObject } from '../json-body.ts';
import type { KeySet } from '../key-set.ts';
import { parseToken, verifySignature } from '../token.ts';
import { TokenRefusedError } from '../token-refused-error.ts';

/** What providers publish keys for; neither `none` nor a shared secret. */
const ALGORITHMS: readonly Algorithm[] = [
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512'] as const),
];
/** The `typ` of the header, in lower case. */
export const TOKEN_TYPES: Readonly<Record<'id' | 'logout', ReadonlySet<unknown>>> = {
  id: new Set([undefined, 'jwt', 'application/jwt']),
  logout: new Set([undefined, 'jwt', 'logout+jwt', 'application/logout+jwt']),
};

/**
 * The claims of a token that a provider signed with a key that it publishes; they are still to be checked. Rejects with
 * `TokenRefusedError`, and with `ServerUnavailableError` if the keys cannot be read.
 */
export async function verifyProviderToken(
  token: string,
  kind: 'id' | 'logout',
  keys: Pick<KeySet, 'find'>,
): Promise<JsonObject> {
  const { algorithm: named, keyId } = parseToken(token, TOKEN_TYPES[kind]);
  const algorithm = ALGORITHMS.find((one) => one === named);
  if (algorithm === undefined) throw new TokenRefusedError('not-valid', 'algorithm not accepted');
  const { key } = await keys.find(keyId, algorithm);
  return verifySignature(token, key, algorithm);
}
