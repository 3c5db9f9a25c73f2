import { createECDH, createPrivateKey, hash, hkdfSync, type KeyObject } from 'node:crypto';
import { BoundedMap } from '../bounded-map.ts';
import { signToken } from './token.ts';
import type { UserProfile } from './user.ts';

const INFO = 'mcpo-ts user token ES256 v1';
const SCALAR_BYTES = 32;
/** 64 bits more than the order has, so that reducing them leaves no bias that matters. */
const SEED_BYTES = SCALAR_BYTES + 8;
/** Of P-256 (NIST SP 800-186, section 3.2.1.3). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** How long a token about a user is good for. */
const USER_TOKEN_SECONDS = 300;

/** Receivers' clocks may be behind ours by so much. */
const NOT_BEFORE_SLACK_SECONDS = 30;
const MAX_CACHED_TOKENS = 5_000;
/** Of all groups in a token together: it travels in a header, of which servers take 8 to 16 kB. */
const MAX_GROUP_BYTES = 4_096;

/** A public key as it is published (RFC 7517). */
export type PublishedKey = Readonly<Record<'kty' | 'crv' | 'x' | 'y' | 'kid' | 'use' | 'alg', string>>;

interface SigningKey {
  readonly privateKey: KeyObject;
  readonly published: PublishedKey;
}

interface CachedToken {
  readonly token: string;
  /** Milliseconds since the epoch, as the next. */
  readonly signedAt: number;
  readonly renewAt: number;
}

/** Signs the tokens that replace `${user.jwt}`. */
export class UserTokenSigner {
  readonly #keys: readonly SigningKey[];
  readonly #active: SigningKey;
  readonly #issuer: string;
  readonly #now: () => number;
  readonly #cache = new BoundedMap<string, CachedToken>(MAX_CACHED_TOKENS);

  /**
   * The keys are key material of 32 bytes each; the first signs, all are published. `issuer` is the `iss` of the tokens,
   * `now` returns milliseconds since the epoch. Throws `RangeError` without keys.
   */
  constructor(keys: readonly Buffer[], issuer: string, now: () => number = Date.now) {
    this.#keys = keys.map(deriveSigningKey);
    const [active] = this.#keys;
    if (active === undefined) throw new RangeError('user tokens need a key');
    this.#active = active;
    this.#issuer = issuer;
    this.#now = now;
  }

  /**
   * A token about a user for one audience, good for at least half of `USER_TOKEN_SECONDS` from now. `sub` identifies
   * the user only together with `user_issuer`.
   */
  sign(user: UserProfile, audience: string): string {
    const time = this.#now();
    const { issuer, subject, email, name, username, role } = user;
    const groups = groupsThatFit(user.groups ?? []);
    const id = JSON.stringify([issuer, subject, email, name, username, role, groups, audience]);
    const cached = this.#cache.use(id);
    if (cached !== undefined && time >= cached.signedAt && time < cached.renewAt) return cached.token;
    const iat = Math.floor(time / 1_000);
    const times = { iat, nbf: iat - NOT_BEFORE_SLACK_SECONDS, exp: iat + USER_TOKEN_SECONDS };
    const about = { email, name, preferred_username: username, role, roles: role && [role] };
    const claims = {
      iss: this.#issuer,
      sub: subject,
      user_issuer: issuer,
      ...about,
      ...(groups.length > 0 && { groups }),
      aud: audience,
      ...times,
    };
    const { privateKey, published } = this.#active;
    const token = signToken(claims, privateKey, 'ES256', published.kid);
    const renewAt = (iat + USER_TOKEN_SECONDS / 2) * 1_000;
    this.#cache.set(id, { token, signedAt: time, renewAt });
    return token;
  }

  /** The JSON Web Key Set (RFC 7517, section 5) that receivers check tokens with; public. */
  keySet(): { readonly keys: readonly PublishedKey[] } {
    return { keys: this.#keys.map(({ published }) => published) };
  }
}

/** Groups only ever allow: those that are left out give a user less, never more. */
function groupsThatFit(groups: readonly string[]): readonly string[] {
  let bytes = 0;
  return groups.filter((group) => {
    bytes += Buffer.byteLength(group);
    return bytes <= MAX_GROUP_BYTES;
  });
}

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
  const common = { kty: 'EC', crv: 'P-256', x, y };
  // RFC 7638, section 3: the required members by name, without white space.
  const kid = hash('sha256', JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }), 'base64url');
  return {
    privateKey: createPrivateKey({ format: 'jwk', key: { ...common, d: d.toString('base64url') } }),
    published: { ...common, kid, use: 'sig', alg: 'ES256' },
  };
}
