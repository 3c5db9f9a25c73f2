import { isIdentifier } from './claims.ts';
import { TokenRefusedError } from './token-refusal.ts';

/** How far the clocks of issuer and service may be apart, in seconds. */
export const CLOCK_SKEW_SECONDS = 60;

/** The last second of the year 9999: a larger number is no date in seconds. */
const MAX_DATE_SECONDS = 253_402_300_799;

export interface ExpectedClaims {
  /** `undefined`: `iss` may be anything or absent. */
  readonly issuer: string | undefined;
  /** One of these must be in `aud`; empty: none is asked for. */
  readonly audiences: readonly string[];
}

/**
 * Checks the registered claims of RFC 7519, section 4.1, of a token whose signature is verified, and returns its `exp`
 * in seconds. `exp` must be there; it, `nbf` and `iat` may be fractions. Throws `TokenRefusedError`.
 */
export function checkTokenClaims(
  payload: Readonly<Record<string, unknown>>,
  expected: ExpectedClaims,
  nowSeconds: number,
): number {
  const expiresAt = readDate(payload, 'exp');
  if (expiresAt === undefined) throw new TokenRefusedError('not-valid', 'no exp');
  const notBefore = readDate(payload, 'nbf') ?? 0;
  const issuedAt = readDate(payload, 'iat') ?? 0;
  if (nowSeconds >= expiresAt + CLOCK_SKEW_SECONDS) throw new TokenRefusedError('expired', 'exp');
  if (notBefore > nowSeconds + CLOCK_SKEW_SECONDS) throw new TokenRefusedError('not-yet-valid', 'nbf');
  if (issuedAt > nowSeconds + CLOCK_SKEW_SECONDS) throw new TokenRefusedError('not-yet-valid', 'iat');
  checkIssuer(payload.iss, expected.issuer);
  checkAudience(payload.aud, expected.audiences);
  return expiresAt;
}

function readDate(payload: Readonly<Record<string, unknown>>, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  const value = payload[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0 && value <= MAX_DATE_SECONDS) return value;
  throw new TokenRefusedError('not-valid', `${name} is no date`);
}

function checkIssuer(actual: unknown, expected: string | undefined): void {
  if (expected !== undefined && actual !== expected) throw new TokenRefusedError('wrong-issuer', 'iss');
  if (actual !== undefined && !isIdentifier(actual)) throw new TokenRefusedError('not-valid', 'iss is no text');
}

function checkAudience(actual: unknown, accepted: readonly string[]): void {
  const audiences: readonly unknown[] = Array.isArray(actual) ? actual : actual === undefined ? [] : [actual];
  if (!audiences.every((audience) => typeof audience === 'string')) {
    throw new TokenRefusedError('not-valid', 'aud is no text');
  }
  if (accepted.length > 0 && !audiences.some((audience) => accepted.includes(audience))) {
    throw new TokenRefusedError('wrong-audience', 'aud');
  }
}
