import { randomUUID } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import { deriveSigningKey, type PublishedKey, type SigningKey } from './signing-key.ts';
import type { UserProfile } from './user.ts';

/** How long a token about a user is good for. */
const USER_TOKEN_SECONDS = 300;

/** Receivers' clocks may be behind ours by so much. */
const NOT_BEFORE_SLACK_SECONDS = 30;
const MAX_KEPT_TOKENS = 5_000;

/** Signs what `${user.jwt}` stands for. */
export interface UserTokenSigner {
  /**
   * A token about a user for one audience, good for at least half of `USER_TOKEN_SECONDS` from now. `sub` tells users
   * apart only together with `user_issuer`, who named him so.
   */
  sign(user: UserProfile, audience: string): string;
  /** The JSON Web Key Set (RFC 7517, section 5) that receivers check tokens with; public. */
  keySet(): { readonly keys: readonly PublishedKey[] };
}

export interface UserTokenSignerOptions {
  /** Key material of 32 bytes each; the first signs, all are published. */
  readonly keys: readonly Buffer[];
  /** The `iss` of the tokens. */
  readonly issuer: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

interface KeptToken {
  readonly token: string;
  /** Milliseconds since the epoch, as the next. */
  readonly signedAt: number;
  readonly renewAt: number;
}

/** Makes the signer. Throws `RangeError` without keys. */
export function createUserTokenSigner({ keys, issuer, now = Date.now }: UserTokenSignerOptions): UserTokenSigner {
  const ring = keys.map(deriveSigningKey);
  const [active] = ring;
  if (active === undefined) throw new RangeError('user tokens need a key');
  const published = { keys: ring.map((key) => key.published) };
  /** The least recently used first. */
  const kept = new Map<string, KeptToken>();

  return {
    sign(user, audience) {
      const time = now();
      const { issuer: userIssuer, subject, email = null, name = null, role = null } = user;
      const id = JSON.stringify([userIssuer, subject, email, name, role, audience]);
      const known = kept.get(id);
      kept.delete(id);
      const isGood = known !== undefined && time >= known.signedAt && time < known.renewAt;
      const renewAt = (Math.floor(time / 1_000) + USER_TOKEN_SECONDS / 2) * 1_000;
      const entry = isGood
        ? known
        : { token: signToken(active, issuer, user, audience, time), signedAt: time, renewAt };
      if (kept.size >= MAX_KEPT_TOKENS) {
        const oldest = kept.keys().next();
        if (!oldest.done) kept.delete(oldest.value);
      }
      kept.set(id, entry);
      return entry.token;
    },
    keySet: () => published,
  };
}

function signToken(key: SigningKey, issuer: string, user: UserProfile, audience: string, now: number): string {
  const issuedAt = Math.floor(now / 1_000);
  const { email, name, role } = user;
  const claims = {
    iss: issuer,
    sub: user.subject,
    user_issuer: user.issuer,
    email,
    name,
    role,
    aud: audience,
    iat: issuedAt,
    nbf: issuedAt - NOT_BEFORE_SLACK_SECONDS,
    exp: issuedAt + USER_TOKEN_SECONDS,
    jti: randomUUID(),
  };
  const present = Object.entries(claims).filter(([, value]) => value !== undefined);
  return jsonwebtoken.sign(Object.fromEntries(present), key.privateKey, {
    algorithm: 'ES256',
    keyid: key.published.kid,
  });
}
