import { ANYTHING, type CallScope, matchesName, PLAIN_SCOPES, parseScope, type Scope } from './scope.ts';

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
