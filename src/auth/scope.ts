import type { AddedScopes } from './auth-settings.ts';

export const PLAIN_SCOPES = ['vault', 'vault:admin', 'docs', 'metrics', 'admin'] as const;
type PlainScope = (typeof PLAIN_SCOPES)[number];

/** What a caller may do: one line of a key or a token, parsed. */
export type Scope =
  /** Patterns, as `matchesName` reads them. */
  | { readonly kind: 'call'; readonly server: string; readonly tool: string }
  /** Sets values of users for the servers of the pattern, and nothing else. */
  | { readonly kind: 'vault:write'; readonly server: string }
  | { readonly kind: PlainScope };

export type CallScope = Extract<Scope, { kind: 'call' }>;
export type WriteScope = Extract<Scope, { kind: 'vault:write' }>;

/** The forms of a scope, for messages. */
export const SCOPE_FORMS =
  '"call", "call:SERVER", "call:SERVER/TOOL", "vault", "vault:write:SERVER", "vault:admin", "docs", "metrics", "admin" (with * for any characters of SERVER and TOOL)';

/** What users may do whose token or identity provider names no scopes: call tools, and keep their own values. */
export const DEFAULT_USER_SCOPES = ['call', 'vault'] as const;

/** What an API key may do for which nothing else is said: call tools and read documents. */
export const DEFAULT_KEY_SCOPES = ['call', 'docs'] as const;

const WRITE = 'vault:write:';

/** The pattern that every name matches. */
export const ANYTHING = '*';

/**
 * Reads one scope, in one of the forms of `SCOPE_FORMS`. `*` stands for any characters; the server ends at the first
 * slash, since a tool's name may hold more. `undefined` for anything else.
 */
export function parseScope(text: string): Scope | undefined {
  const plain = PLAIN_SCOPES.find((kind) => kind === text);
  if (plain !== undefined) return { kind: plain };
  if (text.startsWith(WRITE)) {
    const server = text.slice(WRITE.length);
    return server === '' || server.includes('/') ? undefined : { kind: 'vault:write', server };
  }
  if (text === 'call') return { kind: 'call', server: ANYTHING, tool: ANYTHING };
  if (!text.startsWith('call:')) return undefined;
  const pattern = text.slice('call:'.length);
  const slash = pattern.indexOf('/');
  const server = slash === -1 ? pattern : pattern.slice(0, slash);
  const tool = slash === -1 ? ANYTHING : pattern.slice(slash + 1);
  if (server === '' || tool === '') return undefined;
  return { kind: 'call', server, tool };
}

/** The scopes `base` and those that a user's role and groups add. */
export function withAddedScopes(
  base: readonly string[],
  { scopesByRole, scopesByGroup }: AddedScopes,
  role: string | undefined,
  groups: readonly string[],
): readonly string[] {
  const byRole = role === undefined ? [] : (scopesByRole.get(role) ?? []);
  return [...base, ...byRole, ...groups.flatMap((group) => scopesByGroup.get(group) ?? [])];
}

/**
 * Whether a name matches a pattern, in which `*` stands for any characters. Composed and decomposed letters are the same
 * (Unicode Standard Annex 15), since people cannot see which of them they type. Without a regular expression, which a
 * pattern with many `*` could make slow.
 */
export function matchesName(pattern: string, name: string): boolean {
  return pattern === ANYTHING || matchesComposed(pattern.normalize('NFC'), name.normalize('NFC'));
}

function matchesComposed(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === name;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  const end = name.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
