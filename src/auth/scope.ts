import { matchesName } from './name-pattern.ts';

const PLAIN_SCOPES = ['vault', 'docs', 'metrics', 'admin'] as const;
type PlainScope = (typeof PLAIN_SCOPES)[number];

/** What a caller may do: one line of a key or a token, parsed. */
export type Scope =
  /** Patterns, as `matchesName` reads them. */
  { readonly kind: 'call'; readonly server: string; readonly tool: string } | { readonly kind: PlainScope };

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

/** A set of scopes, with its text as it was given. Under a ceiling only what both allow is allowed. */
export class Scopes {
  /** Everything; what the single `--api-key` has. */
  static readonly ALL = new Scopes(['call', ...PLAIN_SCOPES]);
  static readonly NONE = new Scopes([]);

  /** As given; the ceiling is not in them. */
  readonly texts: readonly string[];
  readonly #ceiling: Scopes | undefined;
  readonly #kinds: ReadonlySet<Scope['kind']>;
  readonly #calls: readonly Extract<Scope, { kind: 'call' }>[];
  readonly #allowsEveryCall: boolean;

  /** Texts that are no scope of this service grant nothing: tokens carry scopes of other services too. */
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
    return this.#kinds.has(kind) && (this.#ceiling?.allows(kind) ?? true);
  }

  allowsCall(server: string, tool: string): boolean {
    const isAllowed =
      this.#allowsEveryCall ||
      this.#calls.some((scope) => matchesName(scope.server, server) && matchesName(scope.tool, tool));
    return isAllowed && (this.#ceiling?.allowsCall(server, tool) ?? true);
  }

  /** Setting, testing and removing one's own values for a server: with `vault`, or with a call scope for the server. */
  allowsOwnValues(server: string): boolean {
    const isAllowed = this.#kinds.has('vault') || this.#calls.some((scope) => matchesName(scope.server, server));
    return isAllowed && (this.#ceiling?.allowsOwnValues(server) ?? true);
  }

  /** The same for every server there is, and for everything of one's own at once. */
  get allowsAllOwnValues(): boolean {
    const isAllowed = this.#kinds.has('vault') || this.#calls.some(({ server }) => server === ANYTHING);
    return isAllowed && (this.#ceiling?.allowsAllOwnValues ?? true);
  }

  /** The fewest scopes that allow the same own values, for who has no ceiling: to be kept where room is scarce. */
  get ownValueScopes(): readonly string[] {
    if (this.allowsAllOwnValues) return ['vault'];
    return [...new Set(this.#calls.map(({ server }) => `call:${server}`))];
  }

  /** The same for any server at all. */
  get allowsAnyOwnValues(): boolean {
    const isAllowed = this.#kinds.has('vault') || this.#calls.length > 0;
    return isAllowed && (this.#ceiling?.allowsAnyOwnValues ?? true);
  }
}
