import { createECDH, createHash, createPrivateKey, hkdfSync, type KeyObject } from 'node:crypto';

/** A public key as it is published (RFC 7517). */
export interface PublishedKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: 'ES256';
}

export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly published: PublishedKey;
}

const INFO = 'mcpo-ts user token ES256 v1';
const SCALAR_BYTES = 32;
/** 64 bits more than the order has, so that reducing them leaves no bias that matters. */
const SEED_BYTES = SCALAR_BYTES + 8;
/** Of P-256 (NIST SP 800-186, section 3.2.1.3). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/**
 * Derives a key pair on P-256 from 32 bytes, always the same one: HKDF-SHA-256 (RFC 5869), then the reduction of
 * FIPS 186-5, appendix A.2.1. Its id is the thumbprint of RFC 7638.
 */
export function deriveSigningKey(material: Buffer): SigningKey {
  const seed = Buffer.from(hkdfSync('sha256', material, '', INFO, SEED_BYTES)).toString('hex');
  const scalar = (BigInt(`0x${seed}`) % (ORDER - 1n)) + 1n;
  const d = Buffer.from(scalar.toString(16).padStart(SCALAR_BYTES * 2, '0'), 'hex');
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(d);
  const point = curve.getPublicKey();
  const x = point.subarray(1, 1 + SCALAR_BYTES).toString('base64url');
  const y = point.subarray(1 + SCALAR_BYTES).toString('base64url');
  const common = { kty: 'EC', crv: 'P-256', x, y } as const;
  return {
    privateKey: createPrivateKey({ format: 'jwk', key: { ...common, d: d.toString('base64url') } }),
    published: { ...common, kid: thumbprint(x, y), use: 'sig', alg: 'ES256' },
  };
}

/** RFC 7638, section 3: the required members by name, without white space. */
function thumbprint(x: string, y: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url');
}
