/**
 * A bound on how many ways a backtracking engine can go through a pattern on a text of n characters:
 * `factor * n ** degree`, from each of its starts.
 */
export interface PatternCost {
  readonly factor: number;
  readonly degree: number;
}

const ONE: PatternCost = { factor: 1, degree: 0 };
const ENDLESS: PatternCost = { factor: Number.POSITIVE_INFINITY, degree: 0 };

/** The bound for a regular expression (ECMA-262) that is known to be well-formed. */
export function patternCost(source: string): PatternCost {
  const reader = new CostReader(source);
  const cost = reader.read();
  const isAnchored = source.startsWith('^') && !reader.hasRootAlternatives;
  return isAnchored ? cost : { factor: cost.factor, degree: cost.degree + 1 };
}

/** Reads a pattern by recursive descent: alternatives, each a run of atoms with quantifiers. */
class CostReader {
  readonly #source: string;
  #at = 0;
  #depth = 0;
  hasRootAlternatives = false;

  constructor(source: string) {
    this.#source = source;
  }

  read(): PatternCost {
    const cost = this.#readAlternatives();
    return this.#at < this.#source.length ? ENDLESS : cost;
  }

  #readAlternatives(): PatternCost {
    let sum = this.#readRun();
    while (this.#source[this.#at] === '|') {
      this.#at += 1;
      this.hasRootAlternatives ||= this.#depth === 0;
      const next = this.#readRun();
      sum = { factor: sum.factor + next.factor, degree: Math.max(sum.degree, next.degree) };
    }
    return sum;
  }

  #readRun(): PatternCost {
    let product = ONE;
    for (let char = this.#source[this.#at]; char !== undefined && char !== '|' && char !== ')'; ) {
      const atom = this.#readAtom(char);
      const cost = this.#readQuantifier(atom);
      product = { factor: product.factor * cost.factor, degree: product.degree + cost.degree };
      char = this.#source[this.#at];
    }
    return product;
  }

  #readAtom(char: string): PatternCost {
    if (char === '(') return this.#readGroup();
    if (char === '[') this.#skipClass();
    else if (char === '\\') return this.#readEscape();
    else this.#at += 1;
    return ONE;
  }

  #readGroup(): PatternCost {
    // As deep as this, nobody writes one; the reader is as deep as the pattern.
    if (this.#depth > 50) {
      this.#at = this.#source.length;
      return ENDLESS;
    }
    this.#depth += 1;
    this.#at += 1;
    const opening = /^\?(?:<?[=!]|<[^>]*>|[a-z-]*:)/i.exec(this.#source.slice(this.#at, this.#at + 200));
    this.#at += opening?.[0].length ?? 0;
    const cost = this.#readAlternatives();
    this.#at += 1;
    this.#depth -= 1;
    return cost;
  }

  /** A back reference compares up to the whole text. */
  #readEscape(): PatternCost {
    const found = /^\\(?:[1-9]\d*|k<[^>]*>|[pP]\{[^}]*\}|u\{[^}]*\}|u[\da-f]{4}|x[\da-f]{2}|c[a-z]|.)/isu.exec(
      this.#source.slice(this.#at, this.#at + 200),
    );
    this.#at += found?.[0].length ?? 1;
    return /^\\[1-9k]/.test(found?.[0] ?? '') ? { factor: 1, degree: 1 } : ONE;
  }

  #skipClass(): void {
    for (this.#at += 1; this.#at < this.#source.length && this.#source[this.#at] !== ']'; this.#at += 1) {
      if (this.#source[this.#at] === '\\') this.#at += 1;
    }
    this.#at += 1;
  }

  #readQuantifier(atom: PatternCost): PatternCost {
    const found = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/.exec(this.#source.slice(this.#at, this.#at + 50));
    if (found === null) return atom;
    this.#at += found[0].length;
    const [text, min, comma, max] = found;
    if (text.startsWith('?')) return repeated(atom, 0, 1);
    if (min === undefined) return unbounded(atom);
    if (comma === '') return repeated(atom, Number(min), Number(min));
    return max === '' || max === undefined ? unbounded(atom) : repeated(atom, Number(min), Number(max));
  }
}

/** What has one way each time can be repeated up to n times; where there is a choice each time, ways multiply. */
function unbounded({ factor, degree }: PatternCost): PatternCost {
  return factor === 1 && degree === 0 ? { factor: 1, degree: 1 } : ENDLESS;
}

function repeated({ factor, degree }: PatternCost, min: number, max: number): PatternCost {
  return { factor: (max - min + 1) * factor ** max, degree: degree * max };
}
