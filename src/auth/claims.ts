import type { ClaimNames, TokenScopes } from './auth-settings.ts';
import type { PresentedToken, UserPrincipal } from './principal.ts';
import { DEFAULT_USER_SCOPES, Scopes } from './scope.ts';
import { TokenRefusedError } from './token-refusal.ts';

/** Our own name as an issuer: of tokens signed with `JWT_SECRET` where `JWT_ISSUER` sets no other. */
export const OWN_ISSUER = 'mcpo-ts';

const MAX_TEXT_LENGTH = 255;

export type Claims = Readonly<Record<string, unknown>>;

export interface ClaimRules {
  readonly names: ClaimNames;
  readonly scopes: TokenScopes;
  readonly scopesByRole: ReadonlyMap<string, readonly string[]>;
  readonly scopesByGroup: ReadonlyMap<string, readonly string[]>;
}

/**
 * Whether a value can identify somebody: text of 1 to 255 characters without control characters. Lone surrogates are
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

/** Tells who a verified token is about. Throws `TokenRefusedError` when it names no usable subject. */
export function toUserPrincipal(claims: Claims, rules: ClaimRules, token?: PresentedToken): UserPrincipal {
  const { names, scopesByRole, scopesByGroup } = rules;
  const subject = readClaim(claims, names.subject);
  if (!isIdentifier(subject)) throw new TokenRefusedError('not-valid', 'no usable subject');
  const role = readText(claims, names.role);
  const groups = toList(readClaim(claims, names.groups)) ?? [];
  const scopes = new Set(grantedScopes(readClaim(claims, names.scope), rules.scopes));
  for (const added of role === undefined ? [] : (scopesByRole.get(role) ?? [])) scopes.add(added);
  for (const added of groups.flatMap((group) => scopesByGroup.get(group) ?? [])) scopes.add(added);
  return {
    kind: 'user',
    issuer: typeof claims.iss === 'string' ? claims.iss : OWN_ISSUER,
    subject,
    email: readText(claims, names.email),
    name: readText(claims, names.name),
    role,
    groups,
    scopes: new Scopes(scopes),
    token,
  };
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
export function readClaim(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const head = path.slice(0, dot);
    const inner = Object.hasOwn(claims, head) ? claims[head] : undefined;
    if (typeof inner !== 'object' || inner === null) continue;
    const value = readClaim(inner as Claims, path.slice(dot + 1));
    if (value !== undefined) return value;
  }
  return undefined;
}

/** What is not said in usable text is not known: only the subject is needed. */
function readText(claims: Claims, path: string): string | undefined {
  const value = readClaim(claims, path);
  return isIdentifier(value) ? value : undefined;
}

/** Space-separated text (RFC 8693, section 4.2) or a list; in a list, what is no usable text is left out. */
function toList(value: unknown): string[] | undefined {
  const items: readonly unknown[] | undefined = typeof value === 'string' ? value.split(' ') : asArray(value);
  return items === undefined ? undefined : [...new Set(items.filter(isIdentifier))];
}

function asArray(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}
