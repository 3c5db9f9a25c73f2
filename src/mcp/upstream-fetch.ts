import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { ServiceError } from '../errors.ts';
import { type HttpExchange, type HttpResponse, mediaType, readBody } from './http-exchange.ts';
import { INITIALIZE_ID, type PendingRequest, type PendingRequests } from './pending-requests.ts';
import type { SessionEnd } from './session.ts';
import { toResultTooLarge } from './too-large-message.ts';
import { toCallError, UpstreamError } from './upstream-error.ts';
import { toCallHeaders } from './upstream-headers.ts';
import { connectWithRetry, UpstreamRequests, type UpstreamRequestsOptions } from './upstream-requests.ts';
import { emptyResponse, isRedirect, redirected, toResponse, toStatusError } from './upstream-response.ts';
import { isInitializeAnswer, tapStream } from './upstream-stream.ts';

/** How often a broken stream that can be resumed is asked for again in a row without an answer. */
export const MAX_RESUMPTIONS = 4;

/** How our own requests begin, so that a body need not be parsed again to know its id. */
const OWN_REQUEST = /^\{"jsonrpc":"2\.0","id":(\d+),"method":/;

export interface UpstreamOptions extends UpstreamRequestsOptions {
  readonly transportType: 'streamable-http' | 'sse';
  readonly maxResultBytes: number;
  readonly pending: PendingRequests;
  /** How long a call waits for a server that cannot be reached, in milliseconds. */
  readonly reachWaitMs: number;
}

interface Resumption {
  readonly id: number;
  failures: number;
}

/**
 * The `fetch` given to the SDK's HTTP transports. It reads every response itself: what answers one of our requests goes
 * straight to it, with its digits, size limit and failures; the SDK sees what is meant for its client, the event ids
 * that it resumes streams by, and an empty answer in place of each real one, so that it knows a request is over.
 */
export class Upstream {
  #failHandshake: (error: Error) => void = () => {};
  /** Rejects when `initialize` will not be answered. */
  readonly handshakeLost = new Promise<never>((_, reject) => {
    this.#failHandshake = reject;
  });
  readonly #options: UpstreamOptions;
  readonly #requests: UpstreamRequests;
  readonly #resumptions = new Map<string, Resumption>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#requests = new UpstreamRequests(options);
    this.handshakeLost.catch(() => {});
    void options.pending.ended.then(({ reason }) => this.#failHandshake(new UpstreamError(reason)));
  }

  readonly fetch: FetchLike = async (input, init = {}) => {
    const url = new URL(input);
    this.#requests.check(url);
    const headers = Object.fromEntries(new Headers(init.headers));
    if (init.method === 'POST') return this.#post(url, headers, String(init.body));
    if (init.method === 'DELETE') return this.#delete(url, headers);
    return this.#get(url, headers);
  };

  /** Gives up every exchange. */
  close(): void {
    this.#requests.close();
  }

  async #post(url: URL, headers: Record<string, string>, body: string): Promise<Response> {
    const { pending, transportType, reachWaitMs } = this.#options;
    const id = requestIdOf(body);
    const request = id === undefined ? undefined : pending.get(id);
    if (id !== undefined && id !== INITIALIZE_ID && request === undefined) {
      throw new UpstreamError('the request was given up');
    }
    const callHeaders = toCallHeaders(request?.options.headers);
    const start = () => {
      const exchange = this.#requests.start({ url, method: 'POST', callHeaders, headers, body: request?.text ?? body });
      if (request !== undefined) {
        request.onSettled = exchange.destroy;
        request.isSent = () => exchange.isSent;
      }
      return exchange;
    };
    const waitMs = request?.method === 'tools/call' ? reachWaitMs : 0;
    const isWanted = () => id !== undefined && pending.get(id) !== undefined;
    const { exchange, response } = await connectWithRetry(start, { waitMs, isWanted }).catch((error: unknown) => {
      const isUnreached = error instanceof UpstreamError && error.facts.isUnreached === true;
      if (isUnreached && isWanted()) this.#endSession({ reason: error.reason });
      throw error;
    });
    if (isRedirect(response.status)) return redirected(response);
    if (response.status >= 400) {
      const error = await toStatusError(response, transportType === 'sse' || 'mcp-session-id' in headers);
      if (error.facts.isSessionGone) {
        if (id !== undefined) pending.fail(id, toCallError(pending.server, error, ''));
        this.#endSession({ reason: error.reason, isForgotten: true });
      }
      throw error;
    }
    if (id !== undefined && transportType === 'streamable-http') {
      return this.#readAnswer(id, request, exchange, response);
    }
    if (request !== undefined) request.onSettled = undefined;
    response.body.resume();
    return emptyResponse(response.status, response);
  }

  /** The server has forgotten the session or cannot be reached, or its only stream is lost. */
  #endSession(end: SessionEnd): void {
    const { pending, transportType } = this.#options;
    if (transportType === 'sse') pending.end(end);
    else pending.refuse(end);
  }

  async #readAnswer(
    id: number,
    request: PendingRequest | undefined,
    exchange: HttpExchange,
    response: HttpResponse,
  ): Promise<Response> {
    const { pending, maxResultBytes } = this.#options;
    const type = mediaType(response.headers['content-type']);
    if (type === 'text/event-stream') return toResponse(response, this.#tapRequest(id, exchange, response, undefined));
    if (type !== 'application/json') {
      exchange.destroy();
      throw new UpstreamError(
        response.status === 202
          ? 'it accepted the request without answering it'
          : 'its answer is neither JSON nor an event stream',
      );
    }
    const text = await readBody(response.body, maxResultBytes);
    if (request !== undefined) request.onSettled = undefined;
    if (text === undefined) {
      throw id === INITIALIZE_ID
        ? new UpstreamError('its answer is too large')
        : toResultTooLarge(pending.server, maxResultBytes);
    }
    const forClient = pending.receive(text);
    if (forClient === undefined) throw new UpstreamError('its answer is not a JSON-RPC message');
    const isAnswered = id === INITIALIZE_ID ? forClient.some(isInitializeAnswer) : pending.get(id) === undefined;
    if (!isAnswered) throw new UpstreamError('its answer is to something else');
    return forClient.length === 0 ? emptyResponse(202, response) : toResponse(response, JSON.stringify(forClient));
  }

  async #get(url: URL, headers: Record<string, string>): Promise<Response> {
    const { transportType, pending, maxResultBytes } = this.#options;
    const lastEventId = headers['last-event-id'] ?? '';
    const resumption = this.#resumptions.get(lastEventId);
    if (resumption !== undefined && pending.get(resumption.id) === undefined) {
      this.#resumptions.delete(lastEventId);
      return emptyResponse(405);
    }
    let exchange: HttpExchange;
    let response: HttpResponse;
    try {
      exchange = this.#requests.start({ url, method: 'GET', headers });
      response = await exchange.response;
      if (isRedirect(response.status)) return redirected(response);
      if (response.status >= 400 && response.status !== 405) throw await toStatusError(response, false);
      if (response.status === 405 || mediaType(response.headers['content-type']) !== 'text/event-stream') {
        exchange.destroy();
        if (transportType === 'sse')
          throw new UpstreamError('it does not answer with an event stream', { status: response.status });
        if (resumption === undefined) return emptyResponse(405);
        throw new UpstreamError('its stream broke and cannot be resumed', { status: 405 });
      }
    } catch (error) {
      if (transportType === 'sse' && (error instanceof UpstreamError || error instanceof ServiceError))
        this.#failHandshake(error);
      if (resumption === undefined || this.#mayResumeAgain(resumption, error)) throw error;
      this.#resumptions.delete(lastEventId);
      return emptyResponse(405);
    }
    if (resumption !== undefined) {
      this.#resumptions.delete(lastEventId);
      return toResponse(response, this.#tapRequest(resumption.id, exchange, response, lastEventId));
    }
    const stream = tapStream({
      response,
      pending,
      maxResultBytes,
      firstEventId: headers['last-event-id'],
      onEnd: () => {
        if (transportType === 'sse') this.#endSession({ reason: 'its event stream ended' });
      },
    });
    return toResponse(response, stream.body);
  }

  async #delete(url: URL, headers: Record<string, string>): Promise<Response> {
    const response = await this.#requests.start({ url, method: 'DELETE', headers }).response;
    response.body.resume();
    return isRedirect(response.status) ? redirected(response) : emptyResponse(response.status);
  }

  /** Reads a stream on which the answer to one request is due. */
  #tapRequest(id: number, exchange: HttpExchange, response: HttpResponse, firstEventId: string | undefined) {
    const { pending, maxResultBytes } = this.#options;
    const request = pending.get(id);
    const stream = tapStream({
      response,
      pending,
      maxResultBytes,
      firstEventId,
      dueId: id,
      onEnd: ({ lastEventId, isInitialized }) => {
        const reason = 'the stream ended before the answer';
        if (id === INITIALIZE_ID) {
          if (!isInitialized) this.#failHandshake(new UpstreamError(reason));
        } else if (lastEventId !== undefined && pending.get(id) !== undefined) {
          this.#resumptions.set(lastEventId, { id, failures: 0 });
        } else {
          pending.lose(id, reason);
        }
      },
    });
    if (request !== undefined) {
      request.onSettled = () => {
        stream.finish(id);
        setTimeout(exchange.destroy, 1_000).unref();
      };
    }
    return stream.body;
  }

  /** Whether the SDK should retry; otherwise the request is rejected because its answer is lost. */
  #mayResumeAgain(resumption: Resumption, error: unknown): boolean {
    const { pending } = this.#options;
    if (error instanceof ServiceError) {
      pending.fail(resumption.id, error);
      return false;
    }
    const failure = error instanceof UpstreamError ? error : new UpstreamError('its stream could not be resumed');
    resumption.failures += 1;
    if (!failure.isRefusal && resumption.failures < MAX_RESUMPTIONS) return true;
    pending.lose(resumption.id, failure.reason);
    return false;
  }
}

function requestIdOf(body: string): number | undefined {
  const own = OWN_REQUEST.exec(body)?.[1];
  if (own !== undefined) return Number(own);
  const { id, method } = JSON.parse(body) as { id?: unknown; method?: unknown };
  return typeof id === 'number' && method !== undefined ? id : undefined;
}
