import { createRequire } from 'node:module';
import { toRe2Source } from './linear-pattern.ts';
import { type PatternCost, patternCost } from './pattern-cost.ts';
import { needTimer } from './time-limit.ts';

/** As many steps as a backtracking engine may need at most before another way is taken: a few milliseconds. */
const MAX_STEPS = 500_000;
/** The same for the linear engine: characters times the size of its program. */
const MAX_LINEAR_STEPS = 5_000_000;
/** A pattern that may need more steps than that for a text of this length gets the linear engine. */
const LONG_CHARACTERS = 10_000;
const MAX_PATTERN_CHARACTERS = 10_000;

const require = createRequire(import.meta.url);

interface LinearMatcher extends Matcher {
  programSize(): number;
}

/** Whether a text matches, somewhere in it. */
export interface Matcher {
  test(text: string): boolean;
}

/** Whether it is well-formed, and short enough to be used. */
export function isPattern(source: string): boolean {
  return toRegExp(source) !== undefined;
}

/** The matcher for a `pattern` (ECMA-262, with the `u` flag where that can be); everything matches a malformed one. */
export function matcherFor(source: string): Matcher {
  const native = toRegExp(source);
  return native === undefined ? { test: () => true } : new BoundedPattern(native);
}

/**
 * A pattern that cannot block the event loop: JavaScript's own engine where it provably needs few steps for the text,
 * else one that is linear in time (RE2), else, for look-around and back references, its own again under a timer.
 */
class BoundedPattern implements Matcher {
  readonly #native: RegExp;
  readonly #cost: PatternCost;
  readonly #linear: LinearMatcher | undefined;

  constructor(native: RegExp) {
    this.#native = native;
    this.#cost = patternCost(native.source);
    this.#linear = this.#isCheap(LONG_CHARACTERS) ? undefined : toLinear(native.source);
  }

  test(text: string): boolean {
    if (this.#isCheap(text.length)) return this.#native.test(text);
    const steps = this.#linear === undefined ? Number.POSITIVE_INFINITY : this.#linear.programSize() * text.length;
    if (steps > MAX_LINEAR_STEPS) needTimer();
    return (this.#linear ?? this.#native).test(text);
  }

  /** The compiler of schemas tells patterns apart by this. */
  toString(): string {
    return String(this.#native);
  }

  #isCheap(characters: number): boolean {
    const { factor, degree } = this.#cost;
    return factor * Math.max(1, characters) ** degree <= MAX_STEPS;
  }
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

/** Loaded for the first pattern that needs it. */
function toLinear(source: string): LinearMatcher | undefined {
  const re2Source = toRe2Source(source);
  if (re2Source === undefined) return undefined;
  const { RE2JS } = require('re2js') as { RE2JS: { compile(source: string): LinearMatcher } };
  try {
    return RE2JS.compile(re2Source);
  } catch {
    return undefined;
  }
}
