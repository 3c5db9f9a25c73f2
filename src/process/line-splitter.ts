const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const FIRST_CAPACITY = 4_096;
const KEPT_CAPACITY = 65_536;

/** What is left of a line that was too long: its two ends. */
export interface LongLine {
  readonly head: string;
  readonly tail: string;
}

export interface LineSplitterOptions {
  /** A longer line is thrown away while it arrives. */
  readonly maxLineBytes: number;
  /** How much of each end of such a line is kept. */
  readonly keptBytes: number;
  /** A lone CR ends a line too, as in an event stream. */
  readonly endsAtCarriageReturn?: boolean;
  readonly onLine: (line: string) => void;
  readonly onLongLine: (line: LongLine) => void;
}

/** Cuts a byte stream into UTF-8 lines in bounded memory, copying each byte of an unfinished line about once. */
export class LineSplitter {
  readonly #options: LineSplitterOptions;
  #unfinished = Buffer.allocUnsafe(0);
  #length = 0;
  #long: { readonly head: Buffer; tail: Buffer } | undefined;
  #skipsLineFeed = false;

  constructor(options: LineSplitterOptions) {
    this.#options = options;
  }

  push(chunk: Buffer): void {
    let start = 0;
    if (this.#skipsLineFeed && chunk.length > 0) {
      this.#skipsLineFeed = false;
      if (chunk[0] === LINE_FEED) start = 1;
    }
    let lineFeed = chunk.indexOf(LINE_FEED, start);
    let carriageReturn = this.#options.endsAtCarriageReturn ? chunk.indexOf(CARRIAGE_RETURN, start) : -1;
    while (lineFeed !== -1 || carriageReturn !== -1) {
      const isReturn = carriageReturn !== -1 && (lineFeed === -1 || carriageReturn < lineFeed);
      const end = isReturn ? carriageReturn : lineFeed;
      this.#finish(chunk, start, end);
      start = end + 1;
      if (isReturn && start === chunk.length) this.#skipsLineFeed = true;
      if (isReturn && chunk[start] === LINE_FEED) start += 1;
      if (lineFeed !== -1 && lineFeed < start) lineFeed = chunk.indexOf(LINE_FEED, start);
      if (carriageReturn !== -1 && carriageReturn < start) carriageReturn = chunk.indexOf(CARRIAGE_RETURN, start);
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /** Delivers a last line that nothing ended. */
  end(): void {
    if (this.#length > 0 || this.#long !== undefined) this.#finish(Buffer.allocUnsafe(0), 0, 0);
  }

  #finish(chunk: Buffer, start: number, end: number): void {
    if (this.#length === 0 && this.#long === undefined && end - start <= this.#options.maxLineBytes) {
      this.#options.onLine(toText(chunk, start, end));
      return;
    }
    if (end > start) this.#keep(chunk.subarray(start, end));
    const long = this.#long;
    if (long !== undefined) {
      this.#long = undefined;
      this.#options.onLongLine({ head: long.head.toString(), tail: long.tail.toString() });
      return;
    }
    const line = toText(this.#unfinished, 0, this.#length);
    this.#length = 0;
    if (this.#unfinished.length > KEPT_CAPACITY) this.#unfinished = Buffer.allocUnsafe(0);
    this.#options.onLine(line);
  }

  #keep(piece: Buffer): void {
    const { maxLineBytes, keptBytes } = this.#options;
    if (this.#long !== undefined) {
      this.#long.tail = lastBytes(this.#long.tail, piece, keptBytes);
      return;
    }
    const needed = this.#length + piece.length;
    if (needed > maxLineBytes) {
      const begun = this.#unfinished.subarray(0, this.#length);
      this.#long = {
        head: Buffer.concat([begun.subarray(0, keptBytes), piece.subarray(0, keptBytes)]).subarray(0, keptBytes),
        tail: lastBytes(begun, piece, keptBytes),
      };
      this.#unfinished = Buffer.allocUnsafe(0);
      this.#length = 0;
      return;
    }
    if (needed > this.#unfinished.length) {
      const grown = Buffer.allocUnsafe(Math.max(FIRST_CAPACITY, needed, Math.min(needed * 2, maxLineBytes)));
      this.#unfinished.copy(grown, 0, 0, this.#length);
      this.#unfinished = grown;
    }
    piece.copy(this.#unfinished, this.#length);
    this.#length = needed;
  }
}

function lastBytes(before: Buffer, piece: Buffer, count: number): Buffer {
  if (piece.length >= count) return Buffer.from(piece.subarray(piece.length - count));
  return Buffer.concat([before.subarray(Math.max(0, before.length - (count - piece.length))), piece]);
}

function toText(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('utf8', start, end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end);
}
