import {
  ANYTHING,
  type CallScope,
  matchesName,
  PLAIN_SCOPES,
  parseScope,
  type Scope,
  type WriteScope,
} from './scope.ts';

/** A set of scopes, with its text as it was given. Under a ceiling only what both allow is allowed. */
export class Scopes {
  /** Everything; what the single `--api-key` has. */
  static readonly ALL = new Scopes(['call', ...PLAIN_SCOPES]);

  /** As given; the ceiling is not in them. */
  readonly texts: readonly string[];
  readonly #ceiling: Scopes | undefined;
  readonly #kinds: ReadonlySet<Scope['kind']>;
  readonly #calls: readonly CallScope[];
  readonly #writes: readonly WriteScope[];
  readonly #allowsEveryCall: boolean;

  /** Unknown scopes grant nothing: tokens carry scopes of other services too. */
  constructor(texts: Iterable<string>, ceiling?: Scopes) {
    this.texts = [...new Set(texts)];
    this.#ceiling = ceiling;
    const scopes = this.texts.map(parseScope).filter((scope) => scope !== undefined);
    this.#kinds = new Set(scopes.map(({ kind }) => kind));
    this.#calls = scopes.filter((scope) => scope.kind === 'call');
    this.#writes = scopes.filter((scope) => scope.kind === 'vault:write');
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

  /** Setting one's own values for a server, which needs less than testing and removing them. */
  allowsSettingOwnValues(server: string): boolean {
    const isCall = (scope: CallScope) => matchesName(scope.server, server);
    return this.#andCeiling((scopes) => scopes.#allowsOwn(isCall) || scopes.#allowsWriting(server));
  }

  /** Setting values of any user for a server. */
  allowsSettingValuesOfOthers(server: string): boolean {
    return this.#andCeiling((scopes) => scopes.#isVaultAdmin || scopes.#allowsWriting(server));
  }

  /** Setting and removing values of any user, erasing them, and making setup links for them. */
  get allowsVaultAdministration(): boolean {
    return this.#andCeiling((scopes) => scopes.#isVaultAdmin);
  }

  /**
   * Whether everything is allowed that this scope allows: who has these scopes may pass it on. A `*` in the scope is a
   * character that only a `*` matches.
   */
  covers(scope: Scope): boolean {
    switch (scope.kind) {
      case 'call':
        return this.allowsCall(scope.server, scope.tool);
      case 'vault':
        return this.allowsAllOwnValues;
      case 'vault:write':
        return this.allowsSettingValuesOfOthers(scope.server);
      case 'vault:admin':
        return this.allowsVaultAdministration;
      case 'docs':
      case 'metrics':
      case 'admin':
        return this.allows(scope.kind);
    }
  }

  /** The fewest scopes that allow the same own values, for scopes without a ceiling: to be stored where room is scarce. */
  get ownValueScopes(): readonly string[] {
    if (this.allowsAllOwnValues) return ['vault'];
    return [...new Set(this.#calls.map(({ server }) => `call:${server}`))];
  }

  #ownValues(isEnough: (scope: CallScope) => boolean): boolean {
    return this.#andCeiling((scopes) => scopes.#allowsOwn(isEnough));
  }

  #allowsOwn(isEnough: (scope: CallScope) => boolean): boolean {
    return this.#kinds.has('vault') || this.#calls.some(isEnough);
  }

  #allowsWriting(server: string): boolean {
    return this.#writes.some((scope) => matchesName(scope.server, server));
  }

  get #isVaultAdmin(): boolean {
    return this.#kinds.has('vault:admin') || this.#kinds.has('admin');
  }

  #andCeiling(allows: (scopes: Scopes) => boolean): boolean {
    return allows(this) && (this.#ceiling === undefined || this.#ceiling.#andCeiling(allows));
  }
}
