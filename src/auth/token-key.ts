import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import type { Algorithm } from 'jsonwebtoken';

/** A key that signatures are verified with, bound to the algorithms that it may be used for. */
export interface TokenKey {
  /** `undefined` outside key sets. */
  readonly keyId: string | undefined;
  readonly algorithms: ReadonlySet<Algorithm>;
  readonly key: KeyObject;
}

const HMAC: readonly Algorithm[] = ['HS256', 'HS384', 'HS512'];
const RSA: readonly Algorithm[] = ['RS256', 'RS384', 'RS512'];
const RSA_PSS: readonly Algorithm[] = ['PS256', 'PS384', 'PS512'];
const ALGORITHM_OF_CURVE: ReadonlyMap<string | undefined, Algorithm> = new Map([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
]);
/** RFC 7518, section 3.3. */
const MIN_RSA_BITS = 2048;

/** A shared secret is good for HMAC alone. */
export function toSecretKey(secret: string): TokenKey {
  return { keyId: undefined, algorithms: new Set(HMAC), key: createSecretKey(Buffer.from(secret, 'utf8')) };
}

/**
 * Reads a public key or certificate in PEM. `algorithm` narrows what it is used for (a JWK's `alg`).
 * Throws node's own error for what is no key; a key that no accepted algorithm can use has no algorithms.
 */
export function toPublicKey(pem: string, keyId?: string, algorithm?: string): TokenKey {
  const key = createPublicKey(pem);
  const algorithms = algorithmsOf(key).filter((one) => algorithm === undefined || one === algorithm);
  return { keyId, algorithms: new Set(algorithms), key };
}

function algorithmsOf(key: KeyObject): readonly Algorithm[] {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return modulusLength >= MIN_RSA_BITS ? [...RSA, ...RSA_PSS] : [];
    case 'rsa-pss':
      return modulusLength >= MIN_RSA_BITS ? RSA_PSS : [];
    case 'ec': {
      const algorithm = ALGORITHM_OF_CURVE.get(namedCurve);
      return algorithm === undefined ? [] : [algorithm];
    }
    default:
      return [];
  }
}
