import { JsonRpcError } from '../errors.ts';
import { CHARACTERS_BEFORE_CUT } from '../telemetry/redactor.ts';
import type { PendingRequests } from './pending-requests.ts';
import { isObject, type RpcMessage, type RpcObject, readRpcMessages } from './rpc-message.ts';

const INITIALIZE_ID = 0;

/** What a received text held. */
export interface Routed {
  /** False if the text is not a JSON-RPC message. */
  readonly isRpc: boolean;
  /** The ids that it answered. */
  readonly answered: readonly number[];
  /** What the SDK's client has to see: the answer to `initialize`, and the server's own requests. */
  readonly forClient: readonly RpcObject[];
}

const GARBAGE: Routed = { isRpc: false, answered: [], forClient: [] };

/** Routes each received message to the request that waits for it. */
export class MessageRouter {
  readonly #pending: PendingRequests;
  readonly #onToolsChanged: () => void;

  constructor(pending: PendingRequests, onToolsChanged: () => void) {
    this.#pending = pending;
    this.#onToolsChanged = onToolsChanged;
  }

  route(text: string): Routed {
    const messages = readRpcMessages(text);
    if (messages === undefined) return GARBAGE;
    this.#pending.noteActivity();
    const answered: number[] = [];
    const forClient: RpcObject[] = [];
    for (const message of messages) {
      if (message.kind === 'result' || message.kind === 'error') answered.push(message.id);
      if (!this.#take(message)) forClient.push(message.message);
    }
    return { isRpc: true, answered, forClient };
  }

  #take(message: RpcMessage): boolean {
    switch (message.kind) {
      case 'result':
        this.#pending.resolve(message.id, { result: message.message.result, text: message.resultText });
        return message.id !== INITIALIZE_ID;
      case 'error':
        this.#pending.fail(message.id, toJsonRpcError(message.message.error));
        return message.id !== INITIALIZE_ID;
      case 'request':
        return false;
      case 'notification':
        if (message.method === 'notifications/progress') this.#pending.progress(message.message.params);
        if (message.method === 'notifications/tools/list_changed') this.#onToolsChanged();
        return message.method !== 'notifications/cancelled';
    }
  }
}

/**
 * The server's own error (JSON-RPC 2.0, section 5.1), mended where it breaks the specification. Its texts are not redacted
 * yet, and so not cut to what is shown.
 */
export function toJsonRpcError(error: unknown): JsonRpcError {
  const { code, message, data } = isObject(error) ? error : {};
  return new JsonRpcError(
    typeof code === 'number' && Number.isInteger(code) ? code : -32603,
    typeof message === 'string' && message !== ''
      ? message.slice(0, CHARACTERS_BEFORE_CUT)
      : 'The server gave an error without a message.',
    data,
  );
}
