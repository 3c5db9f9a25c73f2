import { randomUUID } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';

export type OwnAlgorithm = 'HS256' | 'HS384' | 'HS512';

/** What a token of our own says, under the default claim names; `undefined` is left out. */
export interface OwnClaims {
  readonly subject: string;
  readonly email: string | undefined;
  readonly name: string | undefined;
  readonly role: string | undefined;
  readonly groups: readonly string[];
  /** `undefined`: the token says nothing of scopes, which allows calls. */
  readonly scopes: readonly string[] | undefined;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** Seconds since the epoch, as the next. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Signs a token with the service's own secret. */
export function signToken(claims: OwnClaims, secret: string, algorithm: OwnAlgorithm): string {
  const { subject, email, name, role, groups, scopes, issuer, audience, issuedAt, expiresAt } = claims;
  const payload = {
    sub: subject,
    email,
    name,
    role,
    groups: groups.length > 0 ? groups : undefined,
    scope: scopes?.join(' '),
    iss: issuer,
    aud: audience,
    iat: issuedAt,
    exp: expiresAt,
    jti: randomUUID(),
  };
  const present = Object.entries(payload).filter(([, value]) => value !== undefined);
  return jsonwebtoken.sign(Object.fromEntries(present), secret, { algorithm });
}
