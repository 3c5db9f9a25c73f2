import type { AddedScopes, IssuerSettings, TokenScopes } from './auth-settings.ts';
import type { JsonObject } from './json-body.ts';
import type { PresentedToken, UserPrincipal } from './principal.ts';
import { DEFAULT_USER_SCOPES, withAddedScopes } from './scope.ts';
import { Scopes } from './scopes.ts';
import { TokenRefusedError } from './token-refused-error.ts';
import { OPEN_WEBUI_ISSUER } from './user.ts';

/** Our own name as an issuer: of tokens signed with `JWT_SECRET` where `JWT_ISSUER` sets no other. */
export const OWN_ISSUER = 'mcpo-ts';

const MAX_TEXT_LENGTH = 255;

export type ClaimRules = AddedScopes & Pick<IssuerSettings, 'claims' | 'scopes'>;

/**
 * Whether a value can identify a user: text of 1 to 255 characters without control characters. Lone surrogates are
 * refused since different ones would be stored as the same bytes.
 */
export function isIdentifier(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= MAX_TEXT_LENGTH &&
    !/\p{Cc}/u.test(value) &&
    value.isWellFormed()
  );
}

/** The user that a verified token is about. Throws `TokenRefusedError` when it names no usable subject. */
export function toUserPrincipal(payload: JsonObject, rules: ClaimRules, token?: PresentedToken): UserPrincipal {
  const { claims } = rules;
  const subject = readClaim(payload, claims.subject);
  if (!isIdentifier(subject)) throw new TokenRefusedError('not-valid', 'no usable subject');
  const role = readText(payload, claims.role);
  const groups = toList(readClaim(payload, claims.groups)) ?? [];
  const granted = grantedScopes(readClaim(payload, claims.scope), rules.scopes);
  return {
    kind: 'user',
    issuer: issuerOf(payload, rules.scopes),
    subject,
    email: readText(payload, claims.email),
    name: readText(payload, claims.name),
    username: readText(payload, claims.username),
    role,
    groups,
    // The JSON value, as OpenID Connect Core has it: a text "true" may be the user's own.
    ...(claims.email === 'email' && payload.email_verified === true ? { isEmailVerified: true } : {}),
    scopes: new Scopes(withAddedScopes(granted, rules, role, groups)),
    token,
  };
}

/**
 * Our own tokens may be about a user of Open WebUI. Another issuer's `user_issuer` says nothing: it would speak for
 * users that are not its own.
 */
function issuerOf({ iss, user_issuer: userIssuer }: JsonObject, scopes: TokenScopes): string {
  if (scopes.kind === 'own' && userIssuer === OPEN_WEBUI_ISSUER) return OPEN_WEBUI_ISSUER;
  return typeof iss === 'string' ? iss : OWN_ISSUER;
}

function grantedScopes(claim: unknown, scopes: TokenScopes): readonly string[] {
  const named = toList(claim) ?? [];
  if (scopes.kind === 'own') return claim === undefined ? DEFAULT_USER_SCOPES : named;
  return [...scopes.defaults, ...named.flatMap((scope) => scopes.byScope.get(scope) ?? [])];
}

/**
 * Finds a claim by its name or by a dotted path into objects; a claim may have dots in its own name, as in
 * `https://example.com/roles`. `undefined` if there is none.
 */
export function readClaim(claims: JsonObject, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const head = path.slice(0, dot);
    const inner = Object.hasOwn(claims, head) ? claims[head] : undefined;
    if (typeof inner !== 'object' || inner === null) continue;
    const value = readClaim(inner as JsonObject, path.slice(dot + 1));
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Unusable text counts as unknown: only the subject is required. */
function readText(claims: JsonObject, path: string): string | undefined {
  const value = readClaim(claims, path);
  return isIdentifier(value) ? value : undefined;
}

/** Space-separated text (RFC 8693, section 4.2) or a list, from which unusable text is left out. */
function toList(value: unknown): string[] | undefined {
  const items: unknown = typeof value === 'string' ? value.split(' ') : value;
  return Array.isArray(items) ? [...new Set(items.filter(isIdentifier))] : undefined;
}

/** How far the clocks of issuer and service may be apart, in seconds. */
export const CLOCK_SKEW_SECONDS = 60;

/** The last second of the year 9999: a larger number is not a date in seconds. */
const MAX_DATE_SECONDS = 253_402_300_799;

/**
 * Checks the times and the audience (RFC 7519, section 4.1) of a token whose signature is verified, and returns its
 * `exp` in seconds. `exp` must be there; it, `nbf` and `iat` may be fractions. One of `audiences` must be in `aud`;
 * without any, none is asked for. Throws `TokenRefusedError`.
 */
export function checkTokenClaims(payload: JsonObject, audiences: readonly string[], nowSeconds: number): number {
  const expiresAt = readDate(payload, 'exp');
  if (expiresAt === undefined) throw new TokenRefusedError('not-valid', 'no exp');
  const notBefore = readDate(payload, 'nbf') ?? 0;
  const issuedAt = readDate(payload, 'iat') ?? 0;
  if (nowSeconds >= expiresAt + CLOCK_SKEW_SECONDS) throw new TokenRefusedError('expired', 'exp');
  if (notBefore > nowSeconds + CLOCK_SKEW_SECONDS) throw new TokenRefusedError('not-yet-valid', 'nbf');
  if (issuedAt > nowSeconds + CLOCK_SKEW_SECONDS) throw new TokenRefusedError('not-yet-valid', 'iat');
  checkAudience(payload.aud, audiences);
  return expiresAt;
}

function readDate(payload: JsonObject, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  const value = payload[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0 && value <= MAX_DATE_SECONDS) return value;
  throw new TokenRefusedError('not-valid', `${name} is not a date`);
}

function checkAudience(actual: unknown, accepted: readonly string[]): void {
  const audiences: readonly unknown[] = Array.isArray(actual) ? actual : actual === undefined ? [] : [actual];
  if (!audiences.every((audience) => typeof audience === 'string')) {
    throw new TokenRefusedError('not-valid', 'aud is not text');
  }
  if (accepted.length > 0 && !audiences.some((audience) => accepted.includes(audience))) {
    throw new TokenRefusedError('wrong-audience', 'aud');
  }
}
