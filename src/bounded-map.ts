/** A map of at most `maxSize` entries: each new one beyond that evicts the one that was set or used least recently. */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #maxSize: number;
  readonly #onEvict: (value: Value) => void;

  constructor(maxSize: number, onEvict: (value: Value) => void = () => undefined) {
    super();
    this.#maxSize = maxSize;
    this.#onEvict = onEvict;
  }

  /** The entry that is evicted next. */
  get oldest(): readonly [Key, Value] | undefined {
    const { value } = this.entries().next();
    return value;
  }

  override set(key: Key, value: Value): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#maxSize && this.oldest !== undefined) {
      const [oldest, evicted] = this.oldest;
      this.delete(oldest);
      this.#onEvict(evicted);
    }
    return this;
  }

  /** The value of a key, which becomes the one used last. */
  use(key: Key): Value | undefined {
    const value = this.get(key);
    if (value !== undefined) {
      this.delete(key);
      super.set(key, value);
    }
    return value;
  }
}
