import { createRequire } from 'node:module';
import { parsePath } from './path-text.ts';

const MAX_ALTERNATIVES = 256;
const require = createRequire(import.meta.url);

/** An entry of `deny`, with the `within` beside it. */
export interface DenyEntry {
  readonly source: string;
  readonly within: readonly string[] | undefined;
}

interface TextPattern {
  test(text: string): boolean;
}

type DenyKind = 'glob' | 'expression';

/** Patterns of one kind, together in one expression: a hundred take hardly more time than one. */
interface PatternUnion {
  readonly patterns: readonly { readonly index: number; readonly pattern: TextPattern }[];
  readonly any: TextPattern;
}

/**
 * The entries of `deny` for one argument. An entry is a glob if it begins with `/`, `*`, `./`, `~/` or a drive, and a
 * regular expression if it begins with `(?` or `^`; any other is a glob beside `within`, else a regular expression.
 */
export class DenyList {
  readonly #entries: readonly DenyEntry[];
  readonly #globs: PatternUnion | undefined;
  readonly #expressions: PatternUnion | undefined;

  /** Throws for an entry with a `denyPatternProblem`. */
  constructor(entries: readonly DenyEntry[]) {
    this.#entries = entries;
    this.#globs = toUnion(entries, 'glob');
    this.#expressions = toUnion(entries, 'expression');
  }

  get hasGlobs(): boolean {
    return this.#globs !== undefined;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  kindAt(index: number): DenyKind | undefined {
    const entry = this.#entries[index];
    return entry && kindOf(entry);
  }

  /** The index of an entry that a text matches, somewhere in it, or -1. Linear. */
  findText(text: string): number {
    return find(this.#expressions, text);
  }

  /** The same for a glob, of a path in the form `/a/b`. */
  findPath(path: string): number {
    return this.#globs === undefined ? -1 : find(this.#globs, path.normalize('NFC'));
  }
}

/** A regular expression in RE2's syntax. The engine is loaded for the first one. Throws what the engine throws. */
export function compileExpression(source: string) {
  const { RE2JS } = require('re2js') as typeof import('re2js');
  return RE2JS.compile(source);
}

/** Why a text cannot be an entry of `deny`, or `undefined` if it can. */
export function denyPatternProblem(source: string, hasWithin: boolean): string | undefined {
  if (isAmbiguous(source, hasWithin)) {
    return 'may be a glob or a regular expression; begin a glob with "**/" and a regular expression with "(?:".';
  }
  try {
    new DenyList([{ source, within: hasWithin ? [] : undefined }]);
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `is not a pattern that can be used (${reason}); regular expressions have RE2's syntax.`;
  }
}

function toUnion(entries: readonly DenyEntry[], kind: DenyKind): PatternUnion | undefined {
  const sources = entries.flatMap((entry, index) => (kindOf(entry) === kind ? { index, source: toRe2(entry) } : []));
  if (sources.length === 0) return undefined;
  const patterns = sources.map(({ index, source }) => ({ index, pattern: compileExpression(source) }));
  return { patterns, any: compileExpression(sources.map(({ source }) => `(?:${source})`).join('|')) };
}

function find(union: PatternUnion | undefined, text: string): number {
  if (union?.any.test(text) !== true) return -1;
  return union.patterns.find(({ pattern }) => pattern.test(text))?.index ?? -1;
}

function toRe2(entry: DenyEntry): string {
  const { source, within } = entry;
  return kindOf(entry) === 'expression' ? source : globSource(source.normalize('NFC'), within);
}

function kindOf({ source, within }: DenyEntry): DenyKind {
  if (/^(?:[/*]|\.\/|~\/|[A-Za-z]:[\\/])/.test(source)) return 'glob';
  if (/^(?:\(\?|\^)/.test(source)) return 'expression';
  return within === undefined ? 'expression' : 'glob';
}

/** Taken for the other kind, it would deny less than was meant. */
function isAmbiguous(source: string, hasWithin: boolean): boolean {
  if (/^(?:[/*^]|\(\?|\.\/|~\/|[A-Za-z]:[\\/])/.test(source)) return false;
  return hasWithin ? /[\\()|+$^]|\.\*/.test(source) : /\*\*|\/\*/.test(source);
}

/**
 * What is below a path that the glob fits is denied with it, and `x/**` fits `x` itself. Letters fit in either case. A
 * glob without a slash fits at any depth, and one that does not begin with `/` or `*` counts from the folders of `within`.
 */
function globSource(glob: string, within: readonly string[] | undefined): string {
  const sources = expandBraces(glob).flatMap((one) => anchored(one.replace(/\/+$/, ''), within).map(toSource));
  return `(?is)^(?:${sources.join('|') || '(?:/[^/]*)*'})(?:/.*)?$`;
}

interface AnchoredGlob {
  /** As they are. */
  readonly folders: readonly string[];
  readonly parts: readonly string[];
}

function anchored(glob: string, within: readonly string[] | undefined): readonly AnchoredGlob[] {
  const isDrive = /^[A-Za-z]:[\\/]/.test(glob);
  const text = (isDrive ? `/${glob.replaceAll('\\', '/')}` : glob).replace(/^\.\//, '').replace(/^~\//, '**/');
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  if (text.startsWith('/') || parts[0] === '**') return [{ folders: [], parts }];
  if (parts.length === 1 || text.startsWith('*') || !within?.length) return [{ folders: [], parts: ['**', ...parts] }];
  return within.map((folder) => {
    const { root, parts: folders } = parsePath(folder.replaceAll('\\', '/'));
    return { folders: root ? [root, ...folders] : folders, parts };
  });
}

function toSource({ folders, parts }: AnchoredGlob): string {
  const last = parts.findLastIndex((part) => part !== '**');
  const sources = parts.slice(0, last + 1).map((part) => (part === '**' ? '(?:/[^/]*)*' : `/${partSource(part)}`));
  return [...folders.map((folder) => `/${escapeText(folder)}`), ...sources].join('');
}

function partSource(part: string): string {
  return part.replace(/\*+|\?|\[[!^]?[^\]]+\]|[\s\S]/g, (token) => {
    if (token.startsWith('*')) return '[^/]*';
    if (token === '?') return '[^/]';
    if (token.length === 1) return escapeText(token);
    const [, negation, characters = ''] = /^\[([!^]?)(.*)\]$/s.exec(token) ?? [];
    return `[${negation ? '^/' : ''}${characters.replace(/[\\[\]^]/g, '\\$&')}]`;
  });
}

function escapeText(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&');
}

/** `{a,b}` into one glob for each. Throws for too many. */
function expandBraces(glob: string): string[] {
  let globs = [glob];
  for (;;) {
    const expanded = globs.flatMap((one) => {
      const [, before, inside, after] = /^(.*)\{([^{}]*)\}(.*)$/s.exec(one) ?? [];
      return inside === undefined ? one : inside.split(',').map((option) => `${before}${option}${after}`);
    });
    if (expanded.length > MAX_ALTERNATIVES) throw new Error(`more than ${MAX_ALTERNATIVES} alternatives`);
    if (expanded.every((one, index) => one === globs[index])) return globs;
    globs = expanded;
  }
}
