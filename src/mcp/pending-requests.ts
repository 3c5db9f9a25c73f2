import {
  CallCancelledError,
  ConnectionLostError,
  DeadlineError,
  type ServiceError,
  SessionExpiredError,
} from '../errors.ts';
import { isObject, type RpcMessage, type RpcObject, readRpcMessages, toJsonRpcError } from './rpc-message.ts';
import type { SessionEnd } from './session.ts';

/** Pings do not count as use of a session. */
export const PING = 'ping';

/** The only request that the SDK's client makes; all later ids are ours. */
export const INITIALIZE_ID = 0;

/** What a timer can hold; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What a request came to; `text` is the result's JSON text where its digits would be lost otherwise. */
export interface RpcResult {
  readonly result: unknown;
  readonly text: string | undefined;
}

export interface RequestOptions {
  /** What is asked for, for messages: `the call of tool "now"`. */
  readonly label: string;
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs: number;
  readonly hardDeadlineMs: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Makes the whole message's text, where `JSON.stringify` would not spell it rightly. */
  readonly toText?: ((id: number) => string) | undefined;
  /** What `params._meta` has beside the progress token. */
  readonly meta?: RpcObject | undefined;
  /** Called with the request's id. */
  readonly onId?: ((id: number) => void) | undefined;
}

/** A request that has no answer yet. */
export interface PendingRequest {
  readonly method: string;
  readonly options: RequestOptions;
  /** The whole message, where `JSON.stringify` would not spell it rightly. */
  readonly text: string | undefined;
  readonly resolve: (result: RpcResult) => void;
  readonly reject: (error: Error) => void;
  readonly onAbort: () => void;
  readonly startedAt: number;
  lastSignAt: number;
  timer: NodeJS.Timeout | undefined;
  /** Whether it has left; without this it counts as sent. */
  isSent: (() => boolean) | undefined;
  /** Called when it ends, for whatever reason. */
  onSettled: (() => void) | undefined;
}

/** Sends a message, which belongs to a request unless it is a notification. Rejects with `ServiceError`s only. */
export type SendMessage = (message: RpcObject, request?: PendingRequest) => Promise<void>;

/**
 * The requests of one session that have no answer yet, with their deadlines. They do not pass through the SDK's client,
 * so that an answer is judged once, is never confused with an error of the client itself, and keeps its digits.
 */
export class PendingRequests {
  readonly server: string;
  /** Called for `notifications/tools/list_changed`. */
  onToolsChanged: () => void = () => {};
  /** When anything but a ping was last asked, or anything came, on the clock of `performance.now()`. */
  lastActivityAt = performance.now();
  #resolveEnded: (end: SessionEnd) => void = () => {};
  /** Resolves once nothing more can be asked. */
  readonly ended = new Promise<SessionEnd>((resolve) => {
    this.#resolveEnded = resolve;
  });
  #resolveIdle: () => void = () => {};
  /** Resolves once nothing more can be asked and nothing is waited for. */
  readonly idle = new Promise<void>((resolve) => {
    this.#resolveIdle = resolve;
  });
  readonly #send: SendMessage;
  readonly #requests = new Map<number, PendingRequest>();
  #lastId = INITIALIZE_ID;
  #end: SessionEnd | undefined;

  constructor(server: string, send: SendMessage) {
    this.server = server;
    this.#send = send;
  }

  /** Sends a request and returns its answer. Rejects with `ServiceError`s only. */
  request(method: string, params: RpcObject | undefined, options: RequestOptions): Promise<RpcResult> {
    const { signal, toText, meta } = options;
    if (this.#end !== undefined) return Promise.reject(this.#isOver(this.#end));
    if (signal?.aborted) return Promise.reject(this.#cancelled(options));
    this.#lastId += 1;
    const id = this.#lastId;
    options.onId?.(id);
    return new Promise((resolve, reject) => {
      const now = performance.now();
      const request: PendingRequest = {
        method,
        options,
        text: toText?.(id),
        resolve,
        reject,
        onAbort: () => this.#cancel(id, this.#cancelled(options)),
        startedAt: now,
        lastSignAt: now,
        timer: undefined,
        isSent: undefined,
        onSettled: undefined,
      };
      if (method !== PING) this.lastActivityAt = now;
      this.#requests.set(id, request);
      this.#watchDeadline(id, request, now);
      signal?.addEventListener('abort', request.onAbort);
      this.#send(toMessage(id, method, params, meta), request).catch((error: ServiceError) => this.fail(id, error));
    });
  }

  /**
   * Gives each answer in a received text to its request. Returns what the SDK's client has to see: the answer to
   * `initialize`, and the server's own requests; `undefined` if the text is not a JSON-RPC message.
   */
  receive(text: string): readonly RpcObject[] | undefined {
    const messages = readRpcMessages(text);
    if (messages === undefined) return undefined;
    this.lastActivityAt = performance.now();
    return messages.filter((message) => !this.#take(message)).map(({ message }) => message);
  }

  /** A request other than a ping is pending. */
  get isBusy(): boolean {
    for (const { method } of this.#requests.values()) if (method !== PING) return true;
    return false;
  }

  get(id: number): PendingRequest | undefined {
    return this.#requests.get(id);
  }

  /** The id of the only request that waits, if there is exactly one. */
  get onlyId(): number | undefined {
    return this.#requests.size === 1 ? this.#requests.keys().next().value : undefined;
  }

  fail(id: number, error: ServiceError): void {
    this.#remove(id)?.reject(error);
  }

  /** Fails a request whose answer no one will ever get: the tool may have run. */
  lose(id: number, reason: string): void {
    const request = this.#remove(id);
    request?.reject(lostConnection(this.server, reason, request.method));
  }

  /** Refuses later requests; those that wait may still be answered. */
  refuse(end: SessionEnd): void {
    this.#end ??= end;
    this.#resolveEnded(this.#end);
    if (this.#requests.size === 0) this.#resolveIdle();
  }

  /** Refuses later requests and fails those that wait. */
  end(end: SessionEnd): void {
    this.refuse(end);
    for (const [id, { isSent }] of this.#requests) {
      if (isSent?.() === false) this.fail(id, this.#isOver(end));
      else this.lose(id, end.reason);
    }
  }

  /** Returns whether the message is dealt with. */
  #take(message: RpcMessage): boolean {
    switch (message.kind) {
      case 'result':
        this.#remove(message.id)?.resolve({ result: message.message.result, text: message.resultText });
        return message.id !== INITIALIZE_ID;
      case 'error':
        this.fail(message.id, toJsonRpcError(message.message.error));
        return message.id !== INITIALIZE_ID;
      case 'request':
        return false;
      case 'notification':
        if (message.method === 'notifications/progress') this.#takeProgress(message.message.params);
        if (message.method === 'notifications/tools/list_changed') this.onToolsChanged();
        return message.method !== 'notifications/cancelled';
    }
  }

  /** A sign of life for a request: its deadline begins anew, up to its hard one. */
  #takeProgress(params: unknown): void {
    const request = isObject(params) ? this.#requests.get(Number(params.progressToken)) : undefined;
    if (request !== undefined) request.lastSignAt = performance.now();
  }

  #watchDeadline(id: number, request: PendingRequest, now: number): void {
    const { deadlineMs, hardDeadlineMs, label } = request.options;
    const dueAt = Math.min(request.lastSignAt + deadlineMs, request.startedAt + hardDeadlineMs);
    if (dueAt > now) {
      const waitMs = Math.min(Math.ceil(dueAt - now), MAX_TIMER_MS);
      request.timer = setTimeout(() => this.#watchDeadline(id, request, performance.now()), waitMs);
      return;
    }
    const seconds = Math.round((now - request.startedAt) / 100) / 10;
    const message = `Server "${this.server}" did not answer ${label} within ${seconds} s; the request was cancelled.`;
    this.#cancel(id, new DeadlineError(message));
  }

  #cancel(id: number, error: ServiceError): void {
    const request = this.#remove(id);
    if (request === undefined) return;
    if (request.method !== PING) this.lastActivityAt = performance.now();
    const params = { requestId: id, reason: error.message };
    this.#send({ jsonrpc: '2.0', method: 'notifications/cancelled', params }).catch(() => {});
    request.reject(error);
  }

  #remove(id: number): PendingRequest | undefined {
    const request = this.#requests.get(id);
    if (request === undefined) return undefined;
    this.#requests.delete(id);
    clearTimeout(request.timer);
    request.options.signal?.removeEventListener('abort', request.onAbort);
    request.onSettled?.();
    if (this.#end !== undefined && this.#requests.size === 0) this.#resolveIdle();
    return request;
  }

  #isOver({ reason }: SessionEnd): SessionExpiredError {
    return new SessionExpiredError(`The session with server "${this.server}" is over: ${reason}.`);
  }

  #cancelled({ label }: RequestOptions): CallCancelledError {
    return new CallCancelledError(`The caller of server "${this.server}" left; ${label} was cancelled.`);
  }
}

/** Every request that has params asks for progress, since progress extends its deadline. */
function toMessage(id: number, method: string, params: RpcObject | undefined, meta: RpcObject | undefined): RpcObject {
  if (params === undefined) return { jsonrpc: '2.0', id, method };
  return { jsonrpc: '2.0', id, method, params: { ...params, _meta: { ...meta, progressToken: id } } };
}

/** The answer that no one will ever get: the tool may have run. */
export function lostConnection(server: string, reason: string, method: string): ConnectionLostError {
  const hint = method === 'tools/call' ? ' The tool may have run.' : '';
  return new ConnectionLostError(`The connection with server "${server}" was lost: ${reason}.${hint}`);
}
