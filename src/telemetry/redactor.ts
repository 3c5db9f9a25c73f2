const REPLACEMENT = '[redacted]';

/** Shorter values would blank out ordinary words. */
const MIN_LENGTH = 4;

/** Knows the values that must never be printed and takes them out of texts, in every spelling they may appear in. */
export class Redactor {
  readonly #values = new Set<string>();
  #pattern: RegExp | undefined;

  /** Adds secret values; those shorter than four characters are not looked for. */
  add(values: Iterable<string>): void {
    for (const value of values) {
      if (value.length < MIN_LENGTH) continue;
      for (const spelling of spellingsOf(value)) this.#values.add(spelling);
    }
    this.#pattern = undefined;
  }

  /** Returns `text` with every known value replaced. */
  redact(text: string): string {
    if (this.#values.size === 0) return text;
    this.#pattern ??= new RegExp(
      [...this.#values]
        .sort((a, b) => b.length - a.length)
        .map((value) => value.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
        .join('|'),
      'g',
    );
    return text.replace(this.#pattern, () => REPLACEMENT);
  }
}

function spellingsOf(value: string): string[] {
  const jsonText = JSON.stringify(value).slice(1, -1);
  const base64 = Buffer.from(value).toString('base64');
  return [value, jsonText, encodeURIComponent(value.toWellFormed()), base64].filter(
    (spelling) => spelling.length >= MIN_LENGTH,
  );
}
