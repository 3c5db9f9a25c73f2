import { finished } from 'node:stream';
import { EventStreamParser } from './event-stream-parser.ts';
import type { HttpResponse } from './http-exchange.ts';
import { INITIALIZE_ID, type PendingRequests } from './pending-requests.ts';
import type { RpcObject } from './rpc-message.ts';
import { failTooLarge } from './too-large-message.ts';

const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 600_000;

interface StreamEnd {
  /** Where the stream can be resumed, if the server gave any event an id. */
  readonly lastEventId: string | undefined;
  /** It answered `initialize`. */
  readonly isInitialized: boolean;
}

export interface TapOptions {
  readonly response: HttpResponse;
  readonly pending: PendingRequests;
  readonly maxResultBytes: number;
  /** The event that this stream goes on from: the SDK forgets it where the stream has no newer one. */
  readonly firstEventId: string | undefined;
  /** The request whose answer must come on it. */
  readonly dueId?: number | undefined;
  /** Called once, when no more can come. */
  readonly onEnd: (end: StreamEnd) => void;
}

export interface TappedStream {
  /** What is left for the SDK to read. */
  readonly body: ReadableStream<Uint8Array>;
  /** Reports the request as answered to the SDK, so that it does not resume the stream, and ends the request's part of it. */
  finish(id: number): void;
}

/** Reads an event stream, routes its messages, and passes on what the SDK needs of it. */
export function tapStream({ response, pending, maxResultBytes, firstEventId, dueId, onEnd }: TapOptions): TappedStream {
  const encoder = new TextEncoder();
  let isInitialized = false;
  let lastEventId = firstEventId;
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const pass = (text: string) => controller?.enqueue(encoder.encode(text));
  const close = () => {
    const open = controller;
    controller = undefined;
    open?.close();
  };
  const parser = new EventStreamParser({
    maxDataBytes: maxResultBytes,
    onRetry: (milliseconds) => pass(`retry: ${Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, milliseconds))}\n\n`),
    onEvent: ({ type, id, data, longData }) => {
      if (id !== undefined && id !== '') {
        lastEventId = id;
        pass(`id: ${id}\ndata:\n\n`);
      }
      if (longData !== undefined) {
        failTooLarge(pending, longData, maxResultBytes, dueId);
      } else if (type === 'endpoint') {
        pass(`event: endpoint\ndata: ${(data ?? '').replaceAll('\n', '')}\n\n`);
      } else if (data !== undefined && data !== '' && (type === undefined || type === '' || type === 'message')) {
        for (const message of pending.receive(data) ?? []) {
          isInitialized ||= isInitializeAnswer(message);
          pass(`data: ${JSON.stringify(message)}\n\n`);
        }
      }
    },
  });
  const body = new ReadableStream<Uint8Array>({
    start(opened) {
      controller = opened;
      if (firstEventId !== undefined) pass(`id: ${firstEventId}\ndata:\n\n`);
      response.body.on('data', (chunk: Buffer) => parser.push(chunk));
      finished(response.body, () => {
        onEnd({ lastEventId, isInitialized });
        close();
      });
    },
    cancel() {
      controller = undefined;
      response.body.destroy();
    },
  });
  return {
    body,
    finish(id) {
      pass(`data: {"jsonrpc":"2.0","id":${id},"result":{}}\n\n`);
      close();
    },
  };
}

/** Whether a message for the SDK's client answers its `initialize`. */
export function isInitializeAnswer({ id, method }: RpcObject): boolean {
  return method === undefined && Number(id) === INITIALIZE_ID;
}
