import { LineSplitter, type LongLine } from '../process/line-splitter.ts';

const KEPT_BYTES = 4_096;
/** Counted for each line of data beside its text, so that a million empty lines are bounded too. */
const LINE_COST = 8;

/** One event of an event stream; fields that it did not have are `undefined`. */
export interface StreamEvent {
  readonly type: string | undefined;
  readonly id: string | undefined;
  readonly data: string | undefined;
  /** The two ends of data that was longer than allowed and was thrown away. */
  readonly longData: LongLine | undefined;
}

export interface EventStreamParserOptions {
  readonly maxDataBytes: number;
  readonly onEvent: (event: StreamEvent) => void;
  readonly onRetry: (milliseconds: number) => void;
}

/** Reads `text/event-stream` (WHATWG HTML, section 9.2.6) in bounded memory. */
export class EventStreamParser {
  readonly #options: EventStreamParserOptions;
  readonly #lines: LineSplitter;
  #isFirstLine = true;
  #type: string | undefined;
  #id: string | undefined;
  #data: string[] = [];
  #dataLength = 0;
  #longData: LongLine | undefined;

  constructor(options: EventStreamParserOptions) {
    this.#options = options;
    this.#lines = new LineSplitter({
      maxLineBytes: options.maxDataBytes + 'data: '.length,
      keptBytes: KEPT_BYTES,
      endsAtCarriageReturn: true,
      onLine: (line) => this.#take(line),
      onLongLine: (line) => this.#takeLong(line),
    });
  }

  push(chunk: Buffer): void {
    this.#lines.push(chunk);
  }

  #take(line: string): void {
    const text = this.#isFirstLine && line.startsWith('\uFEFF') ? line.slice(1) : line;
    this.#isFirstLine = false;
    if (text === '') {
      this.#dispatch();
      return;
    }
    const colon = text.indexOf(':');
    if (colon === 0) return;
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? '' : text.slice(text.charAt(colon + 1) === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#takeData(value);
    else if (field === 'event') this.#type = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) this.#options.onRetry(Number(value));
  }

  #takeData(value: string): void {
    if (this.#longData !== undefined) {
      this.#longData = { head: this.#longData.head, tail: value.slice(-KEPT_BYTES) };
      return;
    }
    this.#dataLength += value.length + LINE_COST;
    this.#data.push(value);
    if (this.#dataLength > this.#options.maxDataBytes + LINE_COST) {
      this.#longData = { head: this.#data.join('\n').slice(0, KEPT_BYTES), tail: value.slice(-KEPT_BYTES) };
      this.#data = [];
    }
  }

  #takeLong({ head, tail }: LongLine): void {
    if (!head.startsWith('data')) return;
    this.#longData = { head: this.#longData?.head ?? head.replace(/^data: ?/, ''), tail };
    this.#data = [];
  }

  #dispatch(): void {
    const data = this.#data.length > 0 ? this.#data.join('\n') : undefined;
    const event = { type: this.#type, id: this.#id, data, longData: this.#longData };
    this.#type = undefined;
    this.#id = undefined;
    this.#data = [];
    this.#dataLength = 0;
    this.#longData = undefined;
    if (event.data !== undefined || event.longData !== undefined || event.id !== undefined)
      this.#options.onEvent(event);
  }
}
