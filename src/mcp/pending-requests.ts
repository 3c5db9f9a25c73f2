import { CallCancelledError, DeadlineError, ServiceError, SessionExpiredError } from '../errors.ts';
import { isObject, type RpcObject } from './rpc-message.ts';
import type { CallOptions } from './session.ts';

/** Pings do not count as use of a session. */
export const PING = 'ping';

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
  readonly onProgress?: CallOptions['onProgress'] | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Makes the whole message's text, where `JSON.stringify` would not spell it rightly. */
  readonly toText?: ((id: number) => string) | undefined;
}

/** Sends a message; `text` is it as it must be spelt, if that matters. */
export type SendMessage = (message: RpcObject, text: string | undefined) => Promise<void>;

interface PendingRequest {
  readonly method: string;
  readonly options: RequestOptions;
  readonly text: string | undefined;
  readonly resolve: (result: RpcResult) => void;
  readonly reject: (error: Error) => void;
  readonly startedAt: number;
  lastSignAt: number;
  timer: NodeJS.Timeout | undefined;
  onAbort: (() => void) | undefined;
  onSettled: (() => void) | undefined;
  isSent: (() => boolean) | undefined;
}

/**
 * The requests of one session that have no answer yet, with their deadlines. The SDK's client asks for `initialize`
 * only, as id 0; all later ids are ours, so that an answer is judged once, is told apart from the client's own errors
 * and keeps its digits.
 */
export class PendingRequests {
  readonly #server: string;
  readonly #requests = new Map<number, PendingRequest>();
  #send: SendMessage = () => Promise.reject(new SessionExpiredError('The session is not open yet.'));
  #toCallError: (error: unknown, method: string) => ServiceError = () => new SessionExpiredError('');
  #lastId = 0;
  #endReason: string | undefined;
  #onIdle: (() => void) | undefined;
  #lastActivityAt = performance.now();

  constructor(server: string) {
    this.#server = server;
  }

  /** Says how messages leave and what a failure to send one means for the request of that method. */
  connect(send: SendMessage, toCallError: (error: unknown, method: string) => ServiceError): void {
    this.#send = send;
    this.#toCallError = toCallError;
  }

  /** Sends a request and returns its answer. Rejects with `ServiceError`s only. */
  request(method: string, params: RpcObject | undefined, options: RequestOptions): Promise<RpcResult> {
    if (this.#endReason !== undefined) return Promise.reject(this.#isOver(this.#endReason));
    if (options.signal?.aborted) return Promise.reject(this.#cancelled(options));
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const now = performance.now();
      const text = options.toText?.(id);
      const request: PendingRequest = {
        method,
        options,
        text,
        resolve,
        reject,
        startedAt: now,
        lastSignAt: now,
        timer: undefined,
        onAbort: undefined,
        onSettled: undefined,
        isSent: undefined,
      };
      if (method !== PING) this.#lastActivityAt = now;
      this.#requests.set(id, request);
      this.#watchDeadline(id, request, now);
      if (options.signal !== undefined) {
        request.onAbort = () => this.#cancel(id, this.#cancelled(options));
        options.signal.addEventListener('abort', request.onAbort);
      }
      const message = params === undefined ? { jsonrpc: '2.0', id, method } : { jsonrpc: '2.0', id, method, params };
      this.#send(withToken(message), text).catch((error: unknown) => {
        this.fail(id, error instanceof ServiceError ? error : this.#toCallError(error, method));
      });
    });
  }

  /** When anything but a ping was last asked, or anything came, on the clock of `performance.now()`. */
  get lastActivityAt(): number {
    return this.#lastActivityAt;
  }

  /** A request other than a ping is pending. */
  get isBusy(): boolean {
    for (const { method } of this.#requests.values()) if (method !== PING) return true;
    return false;
  }

  /** Something came of the server. */
  noteActivity(): void {
    this.#lastActivityAt = performance.now();
  }

  has(id: number): boolean {
    return this.#requests.has(id);
  }

  /** The id of the only request that waits, if there is exactly one. */
  get onlyId(): number | undefined {
    return this.#requests.size === 1 ? this.#requests.keys().next().value : undefined;
  }

  /** The method, headers and exact text of a request that waits. */
  sent(id: number) {
    const request = this.#requests.get(id);
    return request && { method: request.method, headers: request.options.headers, text: request.text };
  }

  /** Calls back when a request ends for whatever reason; does nothing when it has ended already. */
  whenSettled(id: number, listener: () => void): void {
    const request = this.#requests.get(id);
    if (request !== undefined) request.onSettled = listener;
  }

  /** Says who knows whether a request has left; without that, it counts as sent. */
  setSentCheck(id: number, isSent: () => boolean): void {
    const request = this.#requests.get(id);
    if (request !== undefined) request.isSent = isSent;
  }

  resolve(id: number, result: RpcResult): void {
    this.#take(id)?.resolve(result);
  }

  fail(id: number, error: ServiceError): void {
    this.#take(id)?.reject(error);
  }

  /** Ends every request that waits, each with its own error, and refuses later ones: those were never sent. */
  end(reason: string, toError: (method: string) => ServiceError): void {
    this.refuse(reason);
    for (const [id, { method, isSent }] of this.#requests) {
      this.fail(id, isSent?.() === false ? this.#isOver(reason) : toError(method));
    }
  }

  /** Refuses later requests but lets those that wait have their answers; calls back when none is left. */
  refuse(reason: string, onIdle?: () => void): void {
    this.#endReason ??= reason;
    this.#onIdle = onIdle;
    if (this.#requests.size === 0) onIdle?.();
  }

  /** A sign of life for a request: its deadline begins anew, up to its hard one. */
  progress(params: unknown): void {
    if (!isObject(params)) return;
    const request = this.#requests.get(Number(params.progressToken));
    if (request === undefined) return;
    request.lastSignAt = performance.now();
    if (request.options.onProgress === undefined || typeof params.progress !== 'number') return;
    request.options.onProgress({
      progress: params.progress,
      total: typeof params.total === 'number' ? params.total : undefined,
      message: typeof params.message === 'string' ? params.message : undefined,
    });
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
    this.#cancel(
      id,
      new DeadlineError(
        `Server "${this.#server}" did not answer ${label} within ${seconds} s; the request was cancelled.`,
      ),
    );
  }

  #cancel(id: number, error: ServiceError): void {
    const request = this.#take(id);
    if (request === undefined) return;
    if (request.method !== PING) this.#lastActivityAt = performance.now();
    const params = { requestId: id, reason: error.message };
    this.#send({ jsonrpc: '2.0', method: 'notifications/cancelled', params }, undefined).catch(() => {});
    request.reject(error);
  }

  #isOver(reason: string): SessionExpiredError {
    return new SessionExpiredError(`The session with server "${this.#server}" is over: ${reason}.`);
  }

  #cancelled({ label }: RequestOptions): CallCancelledError {
    return new CallCancelledError(`The caller of server "${this.#server}" left; ${label} was cancelled.`);
  }

  #take(id: number): PendingRequest | undefined {
    const request = this.#requests.get(id);
    if (request === undefined) return undefined;
    this.#requests.delete(id);
    clearTimeout(request.timer);
    if (request.onAbort !== undefined) request.options.signal?.removeEventListener('abort', request.onAbort);
    request.onSettled?.();
    if (this.#requests.size === 0) this.#onIdle?.();
    return request;
  }
}

/** Every request that has params asks for progress, since progress extends its deadline. */
function withToken(message: { jsonrpc: string; id: number; method: string; params?: RpcObject }): RpcObject {
  if (message.params === undefined) return message;
  return { ...message, params: { ...message.params, _meta: { progressToken: message.id } } };
}
