import { SecretIndex } from './secret-index.ts';
import { MAX_SPELLING_LENGTH, spellingsOf } from './spellings.ts';

const REPLACEMENT = '[redacted]';

/** Of a text that is to be cut, no more is searched. */
const MAX_SEARCHED = 2 * MAX_SPELLING_LENGTH;

/**
 * Returns a text with every known value replaced; values that overlap are replaced as one. With `maxCharacters` at most
 * so many characters of the result, cut only after the values were taken out, and ending in `…` then.
 */
export type Redact = (text: string, maxCharacters?: number) => string;

/** How many characters of a text that is cut to a few must be at hand, for its values to be found whole. */
export const CHARACTERS_BEFORE_CUT = MAX_SEARCHED;

/**
 * Knows the values that must never be printed and takes them out of texts, in every spelling they may appear in and
 * whatever the case of their letters. Takes time in proportion to the text.
 */
export class Redactor {
  /** All values. */
  readonly #held = new SecretIndex();
  /** Those that were added for good. */
  readonly #lasting = new SecretIndex();

  /** Adds secret values for good; those shorter than four characters are not looked for. */
  add(values: Iterable<string>): void {
    for (const spelling of allSpellings(values)) {
      this.#held.add(spelling);
      this.#lasting.add(spelling);
    }
  }

  /** Adds secret values until the returned function is called; one that others hold stays for them. */
  hold(values: Iterable<string>): () => void {
    let held = [...values];
    for (const spelling of allSpellings(held)) this.#held.add(spelling);
    return () => {
      for (const spelling of allSpellings(held)) this.#held.remove(spelling);
      held = [];
    };
  }

  /** For logs and other texts that can hold any user's values. */
  redact(text: string, maxCharacters?: number): string {
    return redactWith([this.#held], text, maxCharacters);
  }

  /**
   * For what somebody is shown: takes out the values added for good and these `own` ones and no others, since their
   * disappearing would say that somebody has such a value. To be made once a session, not once a text.
   */
  redactorFor(own: Iterable<string> = []): Redact {
    const owned = new SecretIndex();
    for (const spelling of allSpellings(own)) owned.add(spelling);
    const indexes = owned.isEmpty ? [this.#lasting] : [this.#lasting, owned];
    return (text, maxCharacters) => redactWith(indexes, text, maxCharacters);
  }
}

function* allSpellings(values: Iterable<string>): Generator<string> {
  for (const value of new Set(values)) yield* spellingsOf(value);
}

function redactWith(indexes: readonly SecretIndex[], text: string, maxCharacters: number | undefined): string {
  if (maxCharacters === undefined) return withoutSecrets(text, indexes, text.length);
  if (text.length < MAX_SEARCHED) return cut(withoutSecrets(text, indexes, text.length), maxCharacters);
  // A value that begins in what is left has its end in what is searched.
  const clean = withoutSecrets(text.slice(0, MAX_SEARCHED), indexes, MAX_SEARCHED - MAX_SPELLING_LENGTH);
  return cut(`${clean}…`, maxCharacters);
}

/** The text up to `end`, and a value that goes beyond that as a whole. */
function withoutSecrets(text: string, indexes: readonly SecretIndex[], end: number): string {
  const spans = indexes.flatMap((index) => index.find(text));
  if (spans.length === 0) return end === text.length ? text : text.slice(0, end);
  if (indexes.length > 1) spans.sort((one, other) => one.start - other.start);
  let result = '';
  let copiedTo = 0;
  for (const span of spans) {
    if (span.start >= end) break;
    if (span.start >= copiedTo) result += text.slice(copiedTo, span.start) + REPLACEMENT;
    copiedTo = Math.max(copiedTo, span.end);
  }
  return copiedTo < end ? result + text.slice(copiedTo, end) : result;
}

function cut(text: string, maxCharacters: number): string {
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters - 1).toWellFormed()}…` : text;
}
