/** JSON values, each once, by the equality of JSON Schema (2020-12 core, section 4.2.2); in linear time. */
export class ValueSet {
  readonly #scalars = new Set<unknown>();
  readonly #texts = new Set<string>();

  constructor(values: readonly unknown[] = []) {
    for (const value of values) this.add(value);
  }

  has(value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return this.#scalars.has(value);
    return this.#texts.size > 0 && this.#texts.has(toText(value));
  }

  /** Returns whether the value is new. */
  add(value: unknown): boolean {
    const isObject = typeof value === 'object' && value !== null;
    const set: Set<unknown> = isObject ? this.#texts : this.#scalars;
    const before = set.size;
    return set.add(isObject ? toText(value) : value).size > before;
  }
}

/** Whether no two items are equal. */
export function hasUniqueItems(items: readonly unknown[]): boolean {
  const seen = new ValueSet();
  return items.every((item) => seen.add(item));
}

function toText(value: unknown): string {
  return JSON.stringify(inOrder(value));
}

/** Each object as a list that begins with an empty one, which no other list does here. */
function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  const keys = Object.keys(value).sort();
  return [{}, ...keys.flatMap((key) => [key, inOrder((value as Record<string, unknown>)[key])])];
}
