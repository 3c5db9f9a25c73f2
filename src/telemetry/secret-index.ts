import { MIN_SECRET_LENGTH } from './spellings.ts';
import { foldedCode, TextHash } from './text-hash.ts';

/** What a text is looked up by: as many of its first characters as the largest of these that it has. */
const WINDOWS = [2 ** 17, 2 ** 14, 2 ** 11, 2 ** 8, 2 ** 5, MIN_SECRET_LENGTH];

/** Of 12 bits. */
const MARKS = 2 ** 12;
/** Spreads neighbouring numbers over all 32 bits. */
const SPREAD = 0x9e3779b1;

/** A part of a text, without its end. */
export interface Span {
  readonly start: number;
  end: number;
}

/** The texts that begin with one window: how many they are, and the lengths that any of them has or had. */
interface Window {
  count: number;
  readonly lengths: number[];
}

/**
 * A set of texts, to find any of them in a longer text, whatever the case of its letters. Adding and removing one costs
 * its length. Finding takes time in proportion to the searched text, however many texts are in the set, however long
 * they are and however much they repeat themselves: parts of a text are compared by hash, each in constant time. Most
 * places are ruled out by their first four characters, most others by a window.
 */
export class SecretIndex {
  /** How many texts begin with these four characters. */
  readonly #starts = new Map<number, number>();
  /** Whether any text had such a start: rules out most places sooner than the map does, if there are few texts. */
  readonly #marks = new Uint8Array(MARKS);
  /** By the hash of the window. */
  readonly #windows = new Map<number, Window>();
  /** How many texts have this hash. */
  readonly #wholes = new Map<number, number>();

  get isEmpty(): boolean {
    return this.#wholes.size === 0;
  }

  /** Adds a text of 4 to 2^18 characters; one that is there already counts twice. */
  add(text: string): void {
    const { start, window, whole } = keysOf(text);
    count(this.#starts, start, 1);
    this.#marks[markOf(start)] = 1;
    count(this.#wholes, whole, 1);
    const known = this.#windows.get(window);
    if (known === undefined) this.#windows.set(window, { count: 1, lengths: [text.length] });
    else {
      known.count += 1;
      if (!known.lengths.includes(text.length)) known.lengths.push(text.length);
    }
  }

  /** Takes back one `add` of this text. */
  remove(text: string): void {
    const { start, window, whole } = keysOf(text);
    const known = this.#windows.get(window);
    if (known === undefined || !this.#wholes.has(whole)) return;
    count(this.#starts, start, -1);
    count(this.#wholes, whole, -1);
    known.count -= 1;
    if (known.count === 0) this.#windows.delete(window);
  }

  /** Returns where texts of the set stand, the longest at each place; those that overlap are one span. */
  find(text: string): readonly Span[] {
    const spans: Span[] = [];
    if (this.isEmpty) return spans;
    const marks = this.#marks;
    let last: Span | undefined;
    let hash: TextHash | undefined;
    let start = 0;
    for (let end = 0; end < text.length; end++) {
      start = withNext(start, text.charCodeAt(end));
      if (marks[markOf(start)] === 0 || !this.#starts.has(start) || end < MIN_SECRET_LENGTH - 1) continue;
      const at = end - MIN_SECRET_LENGTH + 1;
      hash ??= new TextHash(text);
      const length = this.#longestAt(hash, at, text.length - at);
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

  #longestAt(hash: TextHash, at: number, available: number): number {
    for (const windowLength of WINDOWS) {
      if (windowLength > available) continue;
      const window = this.#windows.get(hash.short(at, windowLength));
      let longest = 0;
      for (const length of window?.lengths ?? []) {
        if (length > longest && length <= available && this.#wholes.has(hash.long(at, length))) longest = length;
      }
      // A text with a smaller window would be shorter.
      if (longest > 0) return longest;
    }
    return 0;
  }
}

function keysOf(text: string): { readonly start: number; readonly window: number; readonly whole: number } {
  const hash = new TextHash(text);
  const windowLength = WINDOWS.find((length) => length <= text.length) ?? MIN_SECRET_LENGTH;
  let start = 0;
  for (let at = 0; at < MIN_SECRET_LENGTH; at++) start = withNext(start, text.charCodeAt(at));
  return { start, window: hash.short(0, windowLength), whole: hash.long(0, text.length) };
}

/** The last four characters as 32 bits, the same in upper and lower case. */
function withNext(start: number, code: number): number {
  if (code < 128) return (start << 8) | code | 32;
  const folded = foldedCode(code);
  return (start << 8) | ((folded < 128 ? folded | 32 : folded ^ (folded >> 8)) & 255);
}

function markOf(start: number): number {
  return Math.imul(start, SPREAD) >>> 20;
}

function count(counts: Map<number, number>, key: number, by: 1 | -1): void {
  const sum = (counts.get(key) ?? 0) + by;
  if (sum > 0) counts.set(key, sum);
  else counts.delete(key);
}
