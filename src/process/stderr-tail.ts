import type { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { CHARACTERS_BEFORE_CUT, type Redact } from '../telemetry/redactor.ts';
import { LineSplitter } from './line-splitter.ts';

const MAX_LINES = 20;
const MAX_LINE_CHARACTERS = 2_000;
const WINDOW_MS = 1_000;
const MAX_LINES_PER_WINDOW = 200;
const MAX_BYTES_PER_WINDOW = 4 * 1024 * 1024;

/**
 * Keeps the last lines of a child's stderr and passes each complete line on. A flood is read no faster than a few MiB a
 * second, and of a second's lines only the first few hundred are passed on.
 */
export class StderrTail {
  readonly #stream: Readable;
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #redact: Redact;
  readonly #splitter: LineSplitter;
  readonly #lines: string[] = [];
  #windowStart = 0;
  #windowLines = 0;
  #windowBytes = 0;

  constructor(
    stream: Readable,
    { onStderrLine, redact }: { readonly onStderrLine?: ((line: string) => void) | undefined; readonly redact: Redact },
  ) {
    this.#stream = stream;
    this.#onLine = onStderrLine;
    this.#redact = redact;
    this.#splitter = new LineSplitter({
      maxLineBytes: CHARACTERS_BEFORE_CUT,
      keptBytes: CHARACTERS_BEFORE_CUT,
      onLine: (line) => this.#take(line),
      onLongLine: (line) => this.#take(line.head),
    });
    stream.on('data', (chunk: Buffer) => this.#push(chunk));
    stream.on('end', () => this.#splitter.end());
    stream.on('error', () => {});
  }

  /** The last lines, oldest first, without secrets. */
  lines(): readonly string[] {
    return [...this.#lines];
  }

  #push(chunk: Buffer): void {
    const now = Date.now();
    if (now - this.#windowStart >= WINDOW_MS) this.#openWindow(now);
    this.#windowBytes += chunk.length;
    this.#splitter.push(chunk);
    if (this.#windowBytes > MAX_BYTES_PER_WINDOW) {
      this.#stream.pause();
      setTimeout(() => this.#stream.resume(), Math.max(0, this.#windowStart + WINDOW_MS - now)).unref();
    }
  }

  #openWindow(now: number): void {
    const leftOut = this.#windowLines - MAX_LINES_PER_WINDOW;
    if (leftOut > 0) this.#onLine?.(`(${leftOut} more lines of stderr were left out)`);
    this.#windowStart = now;
    this.#windowLines = 0;
    this.#windowBytes = 0;
  }

  #take(line: string): void {
    const text = this.#redact(stripVTControlCharacters(line), MAX_LINE_CHARACTERS);
    if (text.trim() === '') return;
    this.#lines.push(text);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
    this.#windowLines += 1;
    if (this.#windowLines <= MAX_LINES_PER_WINDOW) this.#onLine?.(text);
  }
}
