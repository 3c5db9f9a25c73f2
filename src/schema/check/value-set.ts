import type { StepBudget } from './step-budget.ts';

/** What reading one object or list costs. */
const OBJECT_STEPS = 50;

/** JSON values, each once, by the equality of JSON Schema (2020-12 core, section 4.2.2); in linear time. */
export class ValueSet {
  readonly #budget: StepBudget | undefined;
  readonly #scalars = new Set<unknown>();
  readonly #texts = new Set<string>();

  /** Reading `values` spends nothing. */
  constructor(budget: StepBudget, values: readonly unknown[] = []) {
    for (const value of values) this.add(value);
    this.#budget = budget;
  }

  has(value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return this.#scalars.has(value);
    return this.#texts.size > 0 && this.#texts.has(this.#toText(value));
  }

  /** Returns whether the value is new. */
  add(value: unknown): boolean {
    const isObject = typeof value === 'object' && value !== null;
    const set: Set<unknown> = isObject ? this.#texts : this.#scalars;
    const before = set.size;
    return set.add(isObject ? this.#toText(value) : value).size > before;
  }

  #toText(value: unknown): string {
    return JSON.stringify(this.#inOrder(value));
  }

  /** Each object as a list that begins with an empty one, which no other list does here. */
  #inOrder(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    this.#budget?.spend(OBJECT_STEPS);
    if (Array.isArray(value)) return value.map((item) => this.#inOrder(item));
    const keys = Object.keys(value).sort();
    return [{}, ...keys.flatMap((key) => [key, this.#inOrder((value as Record<string, unknown>)[key])])];
  }
}
