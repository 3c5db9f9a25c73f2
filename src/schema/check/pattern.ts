import { createRequire } from 'node:module';
import { splitLookaheads, toRe2Source } from './linear-pattern.ts';
import { StepBudget, TooComplexError } from './step-budget.ts';

/** The backtracking engine is used up to this many steps: a few milliseconds. */
const MAX_NATIVE_STEPS = 500_000;
/** A step of an engine for patterns is a fraction of a step of the budget. */
const ENGINE_STEPS = 4;
const MAX_PATTERN_CHARACTERS = 10_000;
/** For one pattern by itself: about 0.1 s. */
const MAX_STEPS = 5_000_000;

const require = createRequire(import.meta.url);

/** Whether a text matches, somewhere in it. */
export interface Matcher {
  test(text: string): boolean;
}

interface LinearMatcher extends Matcher {
  programSize(): number;
}

/** Whether a pattern (ECMA-262) is well-formed, and short enough to be used. */
export function isPattern(source: string): boolean {
  return toRegExp(source) !== undefined;
}

/** Whether a text matches a pattern; false if that takes too long to find out. Everything matches a malformed one. */
export function matchesPattern(source: string, text: string): boolean {
  const budget = new StepBudget();
  budget.reset(MAX_STEPS);
  try {
    return matcherFor(source, budget).test(text);
  } catch (error) {
    if (error instanceof TooComplexError) return false;
    throw error;
  }
}

/**
 * The matcher for a `pattern` (ECMA-262, with the `u` flag where that can be); everything matches a malformed one. Its
 * `test` throws `TooComplexError` when the budget is spent.
 */
export function matcherFor(source: string, budget: StepBudget): Matcher {
  const native = toRegExp(source);
  return native === undefined ? { test: () => true } : new BoundedPattern(native, budget);
}

/**
 * A pattern that cannot block the event loop: JavaScript's own engine where it provably needs few steps for the text,
 * else one that is linear in time (RE2), else, for look-around and back references, its own again with a time limit.
 */
class BoundedPattern implements Matcher {
  readonly #native: RegExp;
  readonly #budget: StepBudget;
  readonly #nativeSteps: (characters: number) => number;
  #linear: { readonly matcher: LinearMatcher | undefined } | undefined;

  constructor(native: RegExp, budget: StepBudget) {
    this.#native = native;
    this.#budget = budget;
    this.#nativeSteps = toBacktrackingSteps(native.source);
  }

  test(text: string): boolean {
    const steps = this.#nativeSteps(text.length);
    if (steps <= MAX_NATIVE_STEPS) {
      this.#budget.spend(steps / ENGINE_STEPS);
      return this.#native.test(text);
    }
    this.#linear ??= { matcher: toLinear(this.#native.source) };
    const { matcher } = this.#linear;
    if (matcher === undefined) return this.#budget.runTimed(() => this.#native.test(text));
    this.#budget.spend((matcher.programSize() * text.length) / ENGINE_STEPS);
    return matcher.test(text);
  }

  /** The compiler of schemas uses this as the pattern's key. */
  toString(): string {
    return String(this.#native);
  }
}

/** So many characters that are compared one after the other take as long as one step of the budget. */
const ATOMS_PER_STEP = 20;

/**
 * A bound on the steps of a backtracking engine on so many characters. Without a repeated group or a back reference,
 * each quantifier has one way for each character, each option two, and the search begins at each character. Each way
 * may compare as many characters as the pattern has, fixed counts written out.
 */
function toBacktrackingSteps(source: string): (characters: number) => number {
  const atoms = source.replace(/\\(?![1-9k]).|\[(?:\\.|[^\]\\])*\]/gs, 'a').replace(/\(\?(?:<?[=!]|<[^>]*>|:)/g, '(');
  if (/\)(?:[*+]|\{\d)|\\/.test(atoms)) return () => Number.POSITIVE_INFINITY;
  const quantifiers = atoms.match(/[*+]|\{\d+,\d*\}/g)?.length ?? 0;
  const options = atoms.match(/[|?]/g)?.length ?? 0;
  const degree = atoms.startsWith('^') && !atoms.includes('|') ? quantifiers : quantifiers + 1;
  const counted = [...atoms.matchAll(/\{(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  const length = 1 + (atoms.length + counted) / ATOMS_PER_STEP;
  return (characters) => 2 ** options * length * Math.max(1, characters) ** degree;
}

function toRegExp(source: string): RegExp | undefined {
  if (source.length > MAX_PATTERN_CHARACTERS) return undefined;
  for (const flags of ['u', '']) {
    try {
      return new RegExp(source, flags);
    } catch {
      // Escapes such as "\-" are only allowed without the flag.
    }
  }
  return undefined;
}

/** The engine is loaded for the first pattern that needs it. */
function toLinear(source: string): LinearMatcher | undefined {
  const { RE2JS } = require('re2js') as typeof import('re2js');
  try {
    const parts = splitLookaheads(source).map((part) => ({
      ...part,
      matcher: RE2JS.compile(RE2JS.translateRegExp(toRe2Source(part.source))),
    }));
    return {
      test: (text) => parts.every(({ matcher, isExcluded }) => matcher.test(text) !== isExcluded),
      programSize: () => parts.reduce((sum, { matcher }) => sum + matcher.programSize(), 0),
    };
  } catch {
    // RE2 has no such syntax.
    return undefined;
  }
}
