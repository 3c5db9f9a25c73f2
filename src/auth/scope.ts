import { matchesName } from './name-pattern.ts';

/** What a caller may do: one line of a key or a token, parsed. */
export type Scope =
  /** Patterns, as `matchesName` reads them. */
  | { readonly kind: 'call'; readonly server: string; readonly tool: string }
  | { readonly kind: 'docs' | 'metrics' | 'admin' };

const ANYTHING = '*';

/**
 * Reads one scope: `call`, `call:<server>`, `call:<server>/<tool>`, `docs`, `metrics` or `admin`. `*` stands for any
 * characters; the server ends at the first slash, since a tool's name may hold more. `undefined` for anything else.
 */
export function parseScope(text: string): Scope | undefined {
  if (text === 'docs' || text === 'metrics' || text === 'admin') return { kind: text };
  if (text === 'call') return { kind: 'call', server: ANYTHING, tool: ANYTHING };
  if (!text.startsWith('call:')) return undefined;
  const pattern = text.slice('call:'.length);
  const slash = pattern.indexOf('/');
  const server = slash === -1 ? pattern : pattern.slice(0, slash);
  const tool = slash === -1 ? ANYTHING : pattern.slice(slash + 1);
  if (server === '' || tool === '') return undefined;
  return { kind: 'call', server, tool };
}

/** A set of scopes, with its text as it was given. */
export class Scopes {
  /** Everything; what the single `--api-key` has. */
  static readonly ALL = new Scopes(['call', 'docs', 'metrics', 'admin']);
  static readonly NONE = new Scopes([]);

  readonly texts: readonly string[];
  readonly #kinds: ReadonlySet<Scope['kind']>;
  readonly #calls: readonly Extract<Scope, { kind: 'call' }>[];
  readonly #allowsEveryCall: boolean;

  /** Texts that are no scope of this service grant nothing: tokens carry scopes of other services too. */
  constructor(texts: Iterable<string>) {
    this.texts = [...new Set(texts)];
    const scopes = this.texts.map(parseScope).filter((scope) => scope !== undefined);
    this.#kinds = new Set(scopes.map(({ kind }) => kind));
    this.#calls = scopes.filter((scope) => scope.kind === 'call');
    this.#allowsEveryCall = this.#calls.some(({ server, tool }) => server === ANYTHING && tool === ANYTHING);
  }

  allows(kind: 'docs' | 'metrics' | 'admin'): boolean {
    return this.#kinds.has(kind);
  }

  allowsCall(server: string, tool: string): boolean {
    if (this.#allowsEveryCall) return true;
    return this.#calls.some((scope) => matchesName(scope.server, server) && matchesName(scope.tool, tool));
  }
}
