import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';
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

/** Reads a public key or certificate in PEM. Throws node's own error for anything else. */
export function toPublicKey(pem: string): TokenKey {
  const key = createPublicKey(pem);
  return { keyId: undefined, algorithms: new Set(algorithmsOf(key)), key };
}

/**
 * Reads a key of a key set (RFC 7517); `undefined` for one that no signature can be verified with: private, symmetric,
 * for encryption, broken or too weak. Its `alg` narrows what it is used for.
 */
export function readPublishedKey(jwk: unknown): TokenKey | undefined {
  if (typeof jwk !== 'object' || jwk === null) return undefined;
  const { kid, alg, use = 'sig', kty, n, e, crv, x, y, ...rest } = jwk as Readonly<Record<string, unknown>>;
  if (use !== 'sig' || 'd' in rest) return undefined;
  try {
    const key = createPublicKey({ format: 'jwk', key: { kty, n, e, crv, x, y } as JsonWebKey });
    const algorithms = algorithmsOf(key).filter((algorithm) => alg === undefined || alg === algorithm);
    if (algorithms.length === 0) return undefined;
    return { keyId: typeof kid === 'string' && kid !== '' ? kid : undefined, algorithms: new Set(algorithms), key };
  } catch {
    return undefined;
  }
}

/** None for a key that no accepted algorithm can use. */
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
