const MAX_LINES = 50;
/** Of all lines together. */
const MAX_CHARACTERS = 16_000;

/** Marks that would steer a terminal, or show a text in another order than it has. */
const STEERING = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu;

/** A server's own words as they can be shown to people. */
export function withoutSteering(text: string): string {
  return text.replace(STEERING, '');
}

/** A line of stderr, without secrets. */
export interface StderrLine {
  /** When it was read: milliseconds since the epoch. */
  readonly at: number;
  readonly text: string;
}

/** The last lines that a server's child processes wrote to stderr, whichever of its sessions they belong to. */
export class StderrLog {
  readonly #lines: StderrLine[] = [];
  #characters = 0;

  add(line: string): void {
    const text = withoutSteering(line);
    this.#lines.push({ at: Date.now(), text });
    this.#characters += text.length;
    while (this.#lines.length > MAX_LINES || this.#characters > MAX_CHARACTERS) {
      this.#characters -= this.#lines.shift()?.text.length ?? 0;
    }
  }

  /** Oldest first; at most fifty lines of 16,000 characters in all. */
  lines(): readonly StderrLine[] {
    return [...this.#lines];
  }
}
