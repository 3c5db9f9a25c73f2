import { Writable } from 'node:stream';

const CLEAR = '\r\u001b[2K';

/** The last line of a terminal, which is drawn again below whatever else is written there. */
export class LiveLine {
  /** Writes whole lines above it. */
  readonly stream: Writable;
  readonly #terminal: NodeJS.WriteStream;
  #text = '';

  constructor(terminal: NodeJS.WriteStream) {
    this.#terminal = terminal;
    this.stream = new Writable({
      decodeStrings: false,
      write: (chunk: string | Buffer, _encoding, done) => {
        this.print(terminal, String(chunk));
        done();
      },
    });
  }

  /** Replaces the line; an empty text removes it. */
  show(text: string): void {
    // A terminal that does not know its width says 0.
    const columns = this.#terminal.columns || 80;
    // One that wraps could not be cleared.
    const line = text.length < columns ? text : `${text.slice(0, Math.max(0, columns - 2))}…`;
    if (line === this.#text) return;
    this.#terminal.write((this.#text === '' ? '' : CLEAR) + line);
    this.#text = line;
  }

  /** Writes whole lines above it, to another stream of the same terminal perhaps. */
  print(stream: NodeJS.WritableStream, text: string): void {
    if (this.#text !== '') this.#terminal.write(CLEAR);
    stream.write(text);
    if (this.#text !== '') this.#terminal.write(this.#text);
  }
}
