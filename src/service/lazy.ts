/** A value that is made when it is first asked for. */
export class Lazy<Value> {
  readonly #make: () => Promise<Value>;
  #made: Promise<Value> | undefined;

  constructor(make: () => Promise<Value>) {
    this.#make = make;
  }

  /** Makes it once; what could not be made is tried again when it is asked for again. */
  get(): Promise<Value> {
    this.#made ??= this.#make().catch((error: unknown) => {
      this.#made = undefined;
      throw error;
    });
    return this.#made;
  }

  /** For closing it: resolves to `undefined` if it was not made. Never rejects. */
  async ifMade(): Promise<Value | undefined> {
    return this.#made?.catch(() => undefined);
  }
}
