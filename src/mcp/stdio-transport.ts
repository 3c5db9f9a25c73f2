import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { ResultTooLargeError, ServerUnavailableError } from '../errors.ts';
import { LineSplitter, type LongLine } from '../process/line-splitter.ts';
import type { RunningChild } from '../process/spawn-child.ts';
import { CHARACTERS_BEFORE_CUT } from '../telemetry/redactor.ts';
import type { MessageRouter } from './message-router.ts';
import type { PendingRequests } from './pending-requests.ts';
import { findResponseId, readRpcMessages } from './rpc-message.ts';
import type { SessionLogger } from './session.ts';

const KEPT_BYTES = 4_096;
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;
/** A pipe accepts this much entirely or not at all, so a failed write up to this size was not received. */
const MAX_UNDIVIDED_BYTES = 16 * 1024;
/** So many times the largest result may come without a message in it; one line that is refused does no harm. */
const FLOOD_FACTOR = 16;
const SENT = Promise.resolve();

export interface StdioTransportOptions {
  readonly server: string;
  readonly child: RunningChild;
  readonly router: MessageRouter;
  readonly pending: PendingRequests;
  readonly maxResultBytes: number;
  readonly logger: SessionLogger;
  /** Called once when no more can come of the child although it may still live. */
  readonly onBroken: (reason: string) => void;
}

/** The stdio transport (MCP specification, "Transports"): one JSON-RPC message a line, UTF-8. */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #options: StdioTransportOptions;
  #outbox: string[] = [];
  #isClosed = false;
  #isBroken = false;
  #drained: Promise<void> | undefined;
  #skippedLines = 0;
  #skippedBytes = 0;
  #bytesSinceMessage = 0;

  constructor(options: StdioTransportOptions) {
    this.#options = options;
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
    return SENT;
  }

  send(message: JSONRPCMessage): Promise<void> {
    return this.sendText(JSON.stringify(message));
  }

  /** Writes one message; messages of one tick leave together. Resolves once the child may be sent more. */
  sendText(text: string): Promise<void> {
    const { server, child } = this.#options;
    const { stdin } = child;
    if (!stdin.writable) {
      this.#markUnsent([text]);
      return SENT;
    }
    if (stdin.writableLength > MAX_UNREAD_BYTES) {
      return Promise.reject(new ServerUnavailableError(`Server "${server}" does not read what it is sent.`, 1));
    }
    this.#outbox.push(text);
    if (this.#outbox.length === 1) process.nextTick(() => this.#flush());
    if (!stdin.writableNeedDrain) return SENT;
    this.#drained ??= new Promise((resolve) => {
      const done = () => {
        this.#drained = undefined;
        stdin.off('drain', done);
        stdin.off('close', done);
        resolve();
      };
      stdin.once('drain', done);
      stdin.once('close', done);
    });
    return this.#drained;
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.onclose?.();
    }
    await this.#options.child.terminate();
  }

  /** One write for all messages of a tick: a system call costs more than a message. */
  #flush(): void {
    const messages = this.#outbox;
    const bytes = Buffer.from(`${messages.join('\n')}\n`);
    this.#outbox = [];
    this.#options.child.stdin.write(bytes, (error) => {
      const isGone = (error as NodeJS.ErrnoException | null | undefined)?.code === 'EPIPE';
      if (isGone && bytes.length <= MAX_UNDIVIDED_BYTES) this.#markUnsent(messages);
    });
  }

  /** Marks the requests as not sent. They are rejected when the child ends, soon, and can be retried on the next session. */
  #markUnsent(messages: readonly string[]): void {
    for (const message of messages) {
      const [read] = readRpcMessages(message) ?? [];
      if (read?.kind === 'request' && typeof read.message.id === 'number')
        this.#options.pending.setSentCheck(read.message.id, () => false);
    }
    this.#break('closed its input');
  }

  #receive(line: string): void {
    const routed = this.#options.router.route(line);
    if (!routed.isRpc) {
      this.#skip(line);
      return;
    }
    this.#skippedBytes = 0;
    this.#bytesSinceMessage = 0;
    for (const message of routed.forClient) this.onmessage?.(message as JSONRPCMessage);
  }

  #skip(line: string): void {
    if (line.trim() === '') return;
    const { server, logger, maxResultBytes } = this.#options;
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
    const { server, pending, maxResultBytes, logger } = this.#options;
    const found = findResponseId(line);
    logger.warn('threw away a message larger than maxResultBytes', { server, maxResultBytes });
    if (found !== 'unknown') this.#bytesSinceMessage = 0;
    if (found === 'none') return;
    const id = found === 'unknown' ? pending.onlyId : found;
    if (id !== undefined) pending.fail(id, toResultTooLarge(server, maxResultBytes));
  }
}

export function toResultTooLarge(server: string, maxResultBytes: number): ResultTooLargeError {
  return new ResultTooLargeError(
    `The result of server "${server}" is larger than ${maxResultBytes} bytes (maxResultBytes) and was thrown away.`,
  );
}
