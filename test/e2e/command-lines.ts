import { readdirSync, readFileSync } from 'node:fs';

/** Keeps every command line that the process list has shown since it was begun. */
export class CommandLines {
  readonly #seen = new Set<string>();
  readonly #timer = setInterval(() => this.look(), 25).unref();

  look(): void {
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        this.#seen.add(readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' '));
      } catch {
        // It ended in between.
      }
    }
  }

  /** All that were seen; it looks no more. */
  end(): readonly string[] {
    clearInterval(this.#timer);
    return [...this.#seen];
  }
}
