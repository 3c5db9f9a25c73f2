const REPLACEMENT = '[redacted]';

/** Shorter values would blank out ordinary words. */
const MIN_LENGTH = 4;
/** Shorter parts of base64 would be found in anything. */
const MIN_BASE64_LENGTH = 8;

const BUCKETS = 65_536;
const FEW_BUCKETS = 1_024;

/**
 * Knows the values that must never be printed and takes them out of texts, in every spelling they may appear in.
 * Looks spellings up by how they begin: the vault holds so many that one pattern of all would take seconds to compile.
 */
export class Redactor {
  /** How many hold each spelling. */
  readonly #holders = new Map<string, number>();
  /** By the first four characters. */
  readonly #byStart = new Map<string, Set<string>>();
  /** How many starts fall into each bucket: most characters of a text begin none, which this tells at once. */
  readonly #buckets: Uint32Array;
  /** What was added for good. */
  #lasting: Redactor | undefined;

  /** `buckets` is a power of two: many for many values. */
  constructor(buckets = BUCKETS) {
    this.#buckets = new Uint32Array(buckets);
  }

  /** Adds secret values for good; those shorter than four characters are not looked for. */
  add(values: Iterable<string>): void {
    const secrets = [...values];
    this.hold(secrets);
    this.#lasting ??= new Redactor(FEW_BUCKETS);
    this.#lasting.hold(secrets);
  }

  /**
   * What texts go through that are told to somebody: the values added for good and these `own` ones of his are taken out
   * and no others, since their disappearing would tell him that somebody has such a value.
   */
  telling(own: Iterable<string> = []): { redact(text: string): string } {
    const owned = new Redactor(FEW_BUCKETS);
    owned.hold(own);
    return { redact: (text) => owned.redact(this.#lasting?.redact(text) ?? text) };
  }

  /** Adds secret values until the returned function is called; one that others hold stays for them. */
  hold(values: Iterable<string>): () => void {
    let held = [...new Set(values)].filter((value) => value.length >= MIN_LENGTH).flatMap(spellingsOf);
    for (const spelling of held) this.#hold(spelling);
    return () => {
      for (const spelling of held) this.#release(spelling);
      held = [];
    };
  }

  /** Returns `text` with every known value replaced; values that overlap are replaced as one. */
  redact(text: string): string {
    if (this.#holders.size === 0) return text;
    let result = '';
    let copiedTo = 0;
    let secretEnd = 0;
    for (let at = 0; at + MIN_LENGTH <= text.length; at++) {
      if (this.#buckets[this.#bucketOf(text, at)] === 0) continue;
      const length = this.#longestAt(text, at);
      if (length === 0) continue;
      if (at >= secretEnd) result += text.slice(copiedTo, at) + REPLACEMENT;
      secretEnd = Math.max(secretEnd, at + length);
      copiedTo = secretEnd;
    }
    return result + text.slice(copiedTo);
  }

  /** Of the four characters at a place. */
  #bucketOf(text: string, at: number): number {
    const sum =
      ((text.charCodeAt(at) * 31 + text.charCodeAt(at + 1)) * 31 + text.charCodeAt(at + 2)) * 31 +
      text.charCodeAt(at + 3);
    return sum & (this.#buckets.length - 1);
  }

  #longestAt(text: string, at: number): number {
    let longest = 0;
    for (const spelling of this.#byStart.get(text.slice(at, at + MIN_LENGTH)) ?? []) {
      if (spelling.length > longest && text.startsWith(spelling, at)) longest = spelling.length;
    }
    return longest;
  }

  #hold(spelling: string): void {
    this.#holders.set(spelling, (this.#holders.get(spelling) ?? 0) + 1);
    const start = spelling.slice(0, MIN_LENGTH);
    const sameStart = this.#byStart.get(start);
    if (sameStart !== undefined) {
      sameStart.add(spelling);
      return;
    }
    this.#byStart.set(start, new Set([spelling]));
    this.#count(start, 1);
  }

  #release(spelling: string): void {
    const left = (this.#holders.get(spelling) ?? 0) - 1;
    if (left > 0) {
      this.#holders.set(spelling, left);
      return;
    }
    this.#holders.delete(spelling);
    const start = spelling.slice(0, MIN_LENGTH);
    const sameStart = this.#byStart.get(start);
    sameStart?.delete(spelling);
    if (sameStart?.size !== 0) return;
    this.#byStart.delete(start);
    this.#count(start, -1);
  }

  #count(start: string, by: 1 | -1): void {
    const bucket = this.#bucketOf(start, 0);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + by;
  }
}

/** What a value looks like inside of a longer text in base64, such as `user:value`, without the characters it shares. */
function base64Inside(value: string, offset: number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)]);
  const whole = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString('base64');
  const core = whole.slice(offset === 0 ? 0 : 4);
  return core.length >= MIN_BASE64_LENGTH ? core : '';
}

function spellingsOf(value: string): string[] {
  const jsonText = JSON.stringify(value).slice(1, -1);
  const base64 = Buffer.from(value).toString('base64');
  const inside = [1, 2].map((offset) => base64Inside(value, offset));
  return [value, jsonText, encodeURIComponent(value.toWellFormed()), base64, base64Inside(value, 0), ...inside].filter(
    (spelling) => spelling.length >= MIN_LENGTH,
  );
}
