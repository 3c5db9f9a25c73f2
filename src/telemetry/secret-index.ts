import { MIN_SECRET_LENGTH } from './spellings.ts';
import { foldedCode, hashesOf, TextHash } from './text-hash.ts';

const FIRST_BUCKETS = 1_024;
const MAX_BUCKETS = 2 ** 20;
/** Classes are bits of 16: lengths from 2^2 up to 2^17. */
const FIRST_CLASS = 2;
const CLASSES = 16;
/** Spreads neighbouring numbers over all 32 bits. */
const SPREAD = 0x9e3779b1;

/** The spellings that begin with one window: how many there are of each length. */
type Lengths = { readonly length: number; count: number }[];

/** A part of a text, without its end. */
export interface Span {
  readonly start: number;
  end: number;
}

interface Place {
  /** The first four characters. */
  readonly start: number;
  /** Of its class. */
  readonly bit: number;
  /** Hash of the first 2^k characters. */
  readonly window: number;
  readonly length: number;
  readonly whole: number;
}

/**
 * A set of texts, to find any of them in a longer text, whatever the case of its letters. Adding and removing one costs
 * its length. Finding takes time in proportion to the searched text, however many texts are in the set, however long
 * they are and however much they repeat themselves: parts of a text are compared by hash, each in constant time.
 *
 * A text of length n is stored under the hash of its first 2^k characters, the largest such power up to n, and under its own.
 * So at each place of the searched text at most one window for each k is looked up, and most places are ruled out by
 * their first four characters.
 */
export class SecretIndex {
  /** How many texts each start has, times 2^16, and the classes of theirs as bits. */
  readonly #starts = new Map<number, number>();
  readonly #windows = new Map<number, Lengths>();
  readonly #wholes = new Map<number, number>();
  /** By the upper bits of a start that was spread: the classes of all starts there. Bits may outlive their texts for a while. */
  #buckets = new Uint16Array(FIRST_BUCKETS);
  #shift = 32 - Math.log2(FIRST_BUCKETS);
  #removed = 0;

  get isEmpty(): boolean {
    return this.#wholes.size === 0;
  }

  /** Adds a text of 4 to 2^18 characters; one that is there already counts twice. */
  add(text: string): void {
    const { start, bit, window, length, whole } = toPlace(text);
    this.#wholes.set(whole, (this.#wholes.get(whole) ?? 0) + 1);
    const lengths = this.#windows.get(window);
    const same = lengths?.find((one) => one.length === length);
    if (same !== undefined) same.count += 1;
    else if (lengths !== undefined) lengths.push({ length, count: 1 });
    else this.#windows.set(window, [{ length, count: 1 }]);
    const known = this.#starts.get(start) ?? 0;
    this.#starts.set(start, known + ((known & bit) === 0 ? 65_536 + bit : 65_536));
    this.#mark(start, bit);
    if (this.#starts.size * 8 > this.#buckets.length && this.#buckets.length < MAX_BUCKETS) {
      this.#rebuild(this.#buckets.length * 4);
    }
  }

  /** Takes back one `add` of this text. */
  remove(text: string): void {
    const { start, window, length, whole } = toPlace(text);
    const count = this.#wholes.get(whole);
    if (count === undefined) return;
    if (count > 1) this.#wholes.set(whole, count - 1);
    else this.#wholes.delete(whole);
    const lengths = this.#windows.get(window) ?? [];
    const at = lengths.findIndex((one) => one.length === length);
    const one = lengths[at];
    if (one !== undefined && one.count > 1) one.count -= 1;
    else if (lengths.length > 1) lengths.splice(at, 1);
    else this.#windows.delete(window);
    const known = (this.#starts.get(start) ?? 0) - 65_536;
    if (known >= 65_536) this.#starts.set(start, known);
    else this.#starts.delete(start);
    this.#removed += 1;
    if (this.#removed > this.#buckets.length) this.#rebuild(this.#buckets.length);
  }

  /** Returns where texts of the set stand, the longest at each place; those that overlap are one span. */
  find(text: string): readonly Span[] {
    const spans: Span[] = [];
    if (this.isEmpty) return spans;
    let last: Span | undefined;
    const [buckets, shift] = [this.#buckets, this.#shift];
    let hash: TextHash | undefined;
    let start = 0;
    for (let end = 0; end < text.length; end++) {
      const code = text.charCodeAt(end);
      // As in `startOf`, written out: this is done for each character of whatever is logged.
      start = (start << 8) | (code < 128 ? code | 32 : byteOf(code));
      const classes = buckets[Math.imul(start, SPREAD) >>> shift] as number;
      if (classes === 0 || end < MIN_SECRET_LENGTH - 1 || !this.#starts.has(start)) continue;
      const at = end - MIN_SECRET_LENGTH + 1;
      hash ??= new TextHash(text);
      const length = this.#longestAt(hash, at, text.length - at, classes);
      if (length === 0) continue;
      if (last !== undefined && at < last.end) {
        last.end = Math.max(last.end, at + length);
      } else {
        last = { start: at, end: at + length };
        spans.push(last);
      }
    }
    return spans;
  }

  #longestAt(hash: TextHash, at: number, available: number, classes: number): number {
    for (let index = 31 - Math.clz32(classes); index >= 0; index--) {
      if ((classes & (1 << index)) === 0) continue;
      const windowLength = 2 ** (index + FIRST_CLASS);
      if (windowLength > available) continue;
      const lengths = this.#windows.get(hash.short(at, windowLength));
      if (lengths === undefined) continue;
      let longest = 0;
      for (const { length } of lengths) {
        if (length > longest && length <= available && this.#wholes.has(hash.long(at, length))) longest = length;
      }
      // A text of a smaller class would be shorter.
      if (longest > 0) return longest;
    }
    return 0;
  }

  #rebuild(size: number): void {
    this.#buckets = new Uint16Array(size);
    this.#shift = 32 - Math.log2(size);
    this.#removed = 0;
    for (const [start, known] of this.#starts) this.#mark(start, known % 65_536);
  }

  #mark(start: number, classes: number): void {
    const bucket = Math.imul(start, SPREAD) >>> this.#shift;
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) | classes;
  }
}

function toPlace(text: string): Place {
  const { length } = text;
  const index = Math.min(31 - Math.clz32(length) - FIRST_CLASS, CLASSES - 1);
  const { first, whole } = hashesOf(text, 2 ** (index + FIRST_CLASS));
  return { start: startOf(text), bit: 1 << index, window: first, length, whole };
}

/** Four characters as 32 bits. */
function startOf(text: string): number {
  let start = 0;
  for (let at = 0; at < MIN_SECRET_LENGTH; at++) start = (start << 8) | byteOf(text.charCodeAt(at));
  return start;
}

/** The same for a character in upper and lower case. */
function byteOf(code: number): number {
  const folded = foldedCode(code);
  return (folded < 128 ? folded | 32 : folded ^ (folded >> 8)) & 255;
}
