import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { ServerUnavailableError } from '../errors.ts';
import { LineSplitter, type LongLine } from '../process/line-splitter.ts';
import type { RunningChild } from '../process/spawn-child.ts';
import { CHARACTERS_BEFORE_CUT } from '../telemetry/redactor.ts';
import { type PendingRequest, PendingRequests } from './pending-requests.ts';
import type { SessionLogger } from './session.ts';
import { failTooLarge } from './too-large-message.ts';

const KEPT_BYTES = 4_096;
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
/** A pipe accepts this much entirely or not at all, so a failed write up to this size was not received. */
const MAX_UNDIVIDED_BYTES = 16 * 1024;
/** So many times the largest result may come without a message in it; one line that is refused does no harm. */
const FLOOD_FACTOR = 16;
const DONE = Promise.resolve();

export interface StdioTransportOptions {
  readonly server: string;
  readonly child: RunningChild;
  readonly maxResultBytes: number;
  readonly logger: SessionLogger;
  /** Called once when no more can come of the child although it may still live. */
  readonly onBroken: (reason: string) => void;
}

/** A message that waits to be written. */
interface Outgoing {
  readonly text: string;
  readonly request: PendingRequest | undefined;
}

/** The stdio transport (MCP specification, "Transports"): one JSON-RPC message a line, UTF-8. */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  /** What is asked over it without the SDK's client. */
  readonly pending: PendingRequests;
  readonly #options: StdioTransportOptions;
  /** The last line on stdout that was no message, as it came. */
  lastNoise: string | undefined;
  #outbox: Outgoing[] = [];
  #isClosed = false;
  #isBroken = false;
  #skippedLines = 0;
  #skippedBytes = 0;
  #bytesSinceMessage = 0;

  constructor(options: StdioTransportOptions) {
    this.#options = options;
    this.pending = new PendingRequests(options.server, (message, request) =>
      this.#write({ text: request?.text ?? JSON.stringify(message), request }),
    );
  }

  start(): Promise<void> {
    const { child, maxResultBytes } = this.#options;
    const lines = new LineSplitter({
      maxLineBytes: maxResultBytes,
      keptBytes: KEPT_BYTES,
      onLine: (line) => this.#receive(line),
      onLongLine: (line) => this.#refuse(line),
    });
    child.stdout.on('data', (chunk: Buffer) => {
      this.#bytesSinceMessage += chunk.length;
      lines.push(chunk);
      if (this.#bytesSinceMessage > maxResultBytes * FLOOD_FACTOR) this.#breakFlood();
    });
    child.stdout.once('end', () => {
      lines.end();
      this.#break('closed its output');
    });
    child.stdin.once('error', () => this.#break('closed its input'));
    return DONE;
  }

  send(message: JSONRPCMessage): Promise<void> {
    return this.#write({ text: JSON.stringify(message), request: undefined });
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.onclose?.();
    }
    await this.#options.child.terminate();
  }

  /** Messages of one tick leave together. */
  #write(message: Outgoing): Promise<void> {
    const { server, child } = this.#options;
    if (!child.stdin.writable) {
      this.#markUnsent([message]);
      return DONE;
    }
    if (child.stdin.writableLength > MAX_UNREAD_BYTES) {
      return Promise.reject(new ServerUnavailableError(`Server "${server}" does not read what it is sent.`, 1));
    }
    this.#outbox.push(message);
    if (this.#outbox.length === 1) process.nextTick(() => this.#flush());
    return DONE;
  }

  /** One write for all messages of a tick: a system call costs more than a message. */
  #flush(): void {
    const messages = this.#outbox;
    const bytes = Buffer.from(messages.map(({ text }) => `${text}\n`).join(''));
    this.#outbox = [];
    this.#options.child.stdin.write(bytes, (error) => {
      const isGone = (error as NodeJS.ErrnoException | null | undefined)?.code === 'EPIPE';
      if (isGone && bytes.length <= MAX_UNDIVIDED_BYTES) this.#markUnsent(messages);
    });
  }

  /** Marks the requests as not sent. They are rejected when the child ends, soon, and can be retried on the next session. */
  #markUnsent(messages: readonly Outgoing[]): void {
    for (const { request } of messages) if (request !== undefined) request.isSent = () => false;
    this.#break('closed its input');
  }

  #receive(line: string): void {
    const forClient = this.pending.receive(line);
    if (forClient === undefined) {
      this.#skip(line);
      return;
    }
    this.#skippedBytes = 0;
    this.#bytesSinceMessage = 0;
    for (const message of forClient) this.onmessage?.(message as JSONRPCMessage);
  }

  #skip(line: string): void {
    if (line.trim() === '') return;
    const { server, logger, maxResultBytes } = this.#options;
    this.lastNoise = line;
    this.#skippedLines += 1;
    this.#skippedBytes += line.length;
    if (/^10*$/.test(String(this.#skippedLines))) {
      logger.debug('skipped lines on stdout that are not JSON-RPC messages', {
        server,
        lines: this.#skippedLines,
        last: line.slice(0, CHARACTERS_BEFORE_CUT),
      });
    }
    if (this.#skippedBytes > maxResultBytes) this.#breakFlood();
  }

  #breakFlood(): void {
    this.#options.child.stdout.pause();
    this.#break('floods its output with something other than JSON-RPC');
  }

  #break(reason: string): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#options.onBroken(reason);
  }

  #refuse(line: LongLine): void {
    const { server, maxResultBytes, logger } = this.#options;
    logger.warn('threw away a message larger than maxResultBytes', { server, maxResultBytes });
    if (failTooLarge(this.pending, line, maxResultBytes) !== 'unknown') this.#bytesSinceMessage = 0;
  }
}
