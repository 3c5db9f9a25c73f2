import type { AddedScopes } from './auth-settings.ts';

const PLAIN_SCOPES = ['vault', 'docs', 'metrics', 'admin'] as const;
type PlainScope = (typeof PLAIN_SCOPES)[number];

/** What a caller may do: one line of a key or a token, parsed. */
export type Scope =
  /** Patterns, as `matchesName` reads them. */
  { readonly kind: 'call'; readonly server: string; readonly tool: string } | { readonly kind: PlainScope };

type CallScope = Extract<Scope, { kind: 'call' }>;

/** The forms of a scope, for messages. */
export const SCOPE_FORMS =
  '"call", "call:SERVER", "call:SERVER/TOOL" (with * for any characters), "vault", "docs", "metrics", "admin"';

/** What users may do whose token or identity provider names no scopes: call tools, and keep their own values. */
export const DEFAULT_USER_SCOPES = ['call', 'vault'] as const;

const ANYTHING = '*';

/**
 * Reads one scope: `call`, `call:<server>`, `call:<server>/<tool>`, `vault`, `docs`, `metrics` or `admin`. `*` stands
 * for any characters; the server ends at the first slash, since a tool's name may hold more. `undefined` for anything
 * else.
 */
export function parseScope(text: string): Scope | undefined {
  const plain = PLAIN_SCOPES.find((kind) => kind === text);
  if (plain !== undefined) return { kind: plain };
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

/** A set of scopes, with its text as it was given. Under a ceiling only what both allow is allowed. */
export class Scopes {
  /** Everything; what the single `--api-key` has. */
  static readonly ALL = new Scopes(['call', ...PLAIN_SCOPES]);

  /** As given; the ceiling is not in them. */
  readonly texts: readonly string[];
  readonly #ceiling: Scopes | undefined;
  readonly #kinds: ReadonlySet<Scope['kind']>;
  readonly #calls: readonly CallScope[];
  readonly #allowsEveryCall: boolean;

  /** Unknown scopes grant nothing: tokens carry scopes of other services too. */
  constructor(texts: Iterable<string>, ceiling?: Scopes) {
    this.texts = [...new Set(texts)];
    this.#ceiling = ceiling;
    const scopes = this.texts.map(parseScope).filter((scope) => scope !== undefined);
    this.#kinds = new Set(scopes.map(({ kind }) => kind));
    this.#calls = scopes.filter((scope) => scope.kind === 'call');
    this.#allowsEveryCall = this.#calls.some(({ server, tool }) => server === ANYTHING && tool === ANYTHING);
  }

  /** What these scopes and `ceiling` allow both. */
  within(ceiling: Scopes): Scopes {
    return new Scopes(this.texts, this.#ceiling === undefined ? ceiling : ceiling.within(this.#ceiling));
  }

  allows(kind: 'docs' | 'metrics' | 'admin'): boolean {
    return this.#andCeiling((scopes) => scopes.#kinds.has(kind));
  }

  allowsCall(server: string, tool: string): boolean {
    const isCall = ({ server: servers, tool: tools }: CallScope) =>
      matchesName(servers, server) && matchesName(tools, tool);
    return this.#andCeiling((scopes) => scopes.#allowsEveryCall || scopes.#calls.some(isCall));
  }

  /** Setting, testing and removing one's own values for a server: with `vault`, or with a call scope for the server. */
  allowsOwnValues(server: string): boolean {
    return this.#ownValues((scope) => matchesName(scope.server, server));
  }

  /** The same for every server there is, and for everything of one's own at once. */
  get allowsAllOwnValues(): boolean {
    return this.#ownValues(({ server }) => server === ANYTHING);
  }

  /** The same for any server at all. */
  get allowsAnyOwnValues(): boolean {
    return this.#ownValues(() => true);
  }

  /** The fewest scopes that allow the same own values, for scopes without a ceiling: to be stored where room is scarce. */
  get ownValueScopes(): readonly string[] {
    if (this.allowsAllOwnValues) return ['vault'];
    return [...new Set(this.#calls.map(({ server }) => `call:${server}`))];
  }

  #ownValues(isEnough: (scope: CallScope) => boolean): boolean {
    return this.#andCeiling((scopes) => scopes.#kinds.has('vault') || scopes.#calls.some(isEnough));
  }

  #andCeiling(allows: (scopes: Scopes) => boolean): boolean {
    return allows(this) && (this.#ceiling === undefined || this.#ceiling.#andCeiling(allows));
  }
}

/**
 * Whether a name matches a pattern, in which `*` stands for any characters. Composed and decomposed letters are the same
 * (Unicode Standard Annex 15), since people cannot see which of them they type. Without a regular expression, which a
 * pattern with many `*` could make slow.
 */
export function matchesName(pattern: string, name: string): boolean {
  return pattern === '*' || matchesComposed(pattern.normalize('NFC'), name.normalize('NFC'));
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
