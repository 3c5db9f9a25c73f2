/** A map of at most `maxSize` entries: each new one beyond that evicts the one that was set or used least recently. */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #maxSize: number;
  readonly #onEvict: (value: Value) => void;

  constructor(maxSize: number, onEvict: (value: Value) => void = () => undefined) {
    super();
    this.#maxSize = maxSize;
    this.#onEvict = onEvict;
  }

  override set(key: Key, value: Value): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#maxSize) {
      for (const [oldest, evicted] of this) {
        this.delete(oldest);
        this.#onEvict(evicted);
        break;
      }
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

  /** Deletes the oldest entries while they are over, two at most: called before each `set`, they never pile up. */
  dropOldest(isOver: (value: Value) => boolean): void {
    let left = 2;
    for (const [key, value] of this) {
      if (left === 0 || !isOver(value)) return;
      this.delete(key);
      left -= 1;
    }
  }
}
