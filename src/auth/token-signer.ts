import { randomUUID } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';

export type OwnAlgorithm = 'HS256' | 'HS384' | 'HS512';

/** The claims of a token of our own, under the default names; `undefined` is left out. */
export interface OwnClaims {
  readonly subject: string;
  readonly email: string | undefined;
  readonly name: string | undefined;
  readonly role: string | undefined;
  readonly groups: readonly string[];
  /** `undefined`: the token names no scopes, which allows calls. */
  readonly scopes: readonly string[] | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** Seconds since the epoch, as the next. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Signs a token with the service's own secret. */
export function signToken(claims: OwnClaims, secret: string, algorithm: OwnAlgorithm): string {
  const {
    subject: sub,
    groups,
    scopes,
    issuer: iss,
    audience: aud,
    issuedAt: iat,
    expiresAt: exp,
    ...profile
  } = claims;
  const listed = groups.length > 0 ? { groups } : {};
  const payload = { sub, ...profile, ...listed, scope: scopes?.join(' '), iss, aud, iat, exp, jti: randomUUID() };
  return jsonwebtoken.sign(payload, secret, { algorithm });
}

const SECONDS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
]);
/** Ten years. */
const MAX_SECONDS = 315_360_000;

/** Reads `90s`, `30m`, `1h`, `7d` or a bare number of seconds; `undefined` for anything else, or for more than ten years. */
export function parseTokenLifetime(text: string): number | undefined {
  const [, digits, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? [];
  const seconds = Number(digits) * (SECONDS.get(unit) ?? Number.NaN);
  return seconds >= 1 && seconds <= MAX_SECONDS ? seconds : undefined;
}
