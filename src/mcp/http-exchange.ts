import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import type { AddressGuard } from './address-guard.ts';
import { toNetworkError, toUnreachedError, UpstreamError } from './upstream-error.ts';

/**
 * Shorter than the 5 s after which many servers drop an idle connection: a request must not meet one being dropped,
 * since it could not be sent again.
 */
const IDLE_CONNECTION_MS = 4_000;

/** A connection that was made without a guard must not be reused by a request that has one. */
const agents = { unguarded: createAgents(), guarded: createAgents() };

function createAgents(): { readonly http: http.Agent; readonly https: https.Agent } {
  const options = { keepAlive: true, timeout: IDLE_CONNECTION_MS };
  return { http: new http.Agent(options), https: new https.Agent(options) };
}

export interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** How host names are resolved: by node itself, by another function, or under guard. */
  readonly network: Network;
}

export type Network =
  | { readonly guard: AddressGuard }
  | { readonly guard?: undefined; readonly lookup?: LookupFunction | undefined };

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

export interface HttpExchange {
  /** The response's head; rejects with `UpstreamError`. */
  readonly response: Promise<HttpResponse>;
  /** Resolves once nothing more will come. */
  readonly closed: Promise<void>;
  /** Anything of it may have left: there was a connection. */
  readonly isSent: boolean;
  /** Gives the exchange up, whatever has come of it. */
  destroy(): void;
}

/**
 * Sends an HTTP request. Node's own client rather than `fetch`, whose limits of five minutes on silence cannot be
 * lifted and whose errors print URLs and headers. Throws `UpstreamError` where nothing can be sent.
 */
export function startExchange({ url, method, headers, body, network }: HttpRequest): HttpExchange {
  const isSecure = url.protocol === 'https:';
  // As bytes: node sends the head together with a body that is text, and then in UTF-8 in place of Latin-1.
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const length = bytes === undefined ? {} : { 'content-length': String(bytes.length) };
  const { guard } = network;
  const refusal = guard?.refusalOf(url);
  if (refusal !== undefined) throw refusal;
  const lookup = guard === undefined ? network.lookup : guard.lookup;
  const agent = agents[guard === undefined ? 'unguarded' : 'guarded'][isSecure ? 'https' : 'http'];
  let request: http.ClientRequest;
  try {
    request = (isSecure ? https : http).request(url, {
      method,
      headers: { ...headers, ...length },
      agent,
      ...(lookup === undefined ? {} : { lookup }),
    });
  } catch (error) {
    throw toNetworkError(error);
  }
  let isSent = false;
  request.once('socket', (socket) => {
    isSent = !socket.connecting;
    if (isSent) return;
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      isSent = true;
    });
  });
  const response = new Promise<HttpResponse>((resolve, reject) => {
    request.on('error', (error) => reject(isSent ? toNetworkError(error) : toUnreachedError(error)));
    request.once('response', (incoming) => {
      incoming.on('error', () => {});
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: incoming });
    });
  });
  let isOver = false;
  const closed = new Promise<void>((resolve) => {
    request.once('close', () => {
      isOver = true;
      resolve();
    });
  });
  request.end(bytes);
  const destroy = () => {
    // Once it is over, its connection may carry another exchange.
    if (!isOver) request.destroy(new UpstreamError('the request was given up'));
  };
  return {
    response,
    closed,
    get isSent() {
      return isSent;
    },
    destroy,
  };
}

/** Reads a body of at most `maxBytes`, else returns `undefined` and drops the rest. Throws `UpstreamError`. */
export async function readBody(body: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) return undefined;
      chunks.push(chunk);
    }
  } catch (error) {
    throw toNetworkError(error);
  }
  return Buffer.concat(chunks).toString();
}

/** `text/event-stream` of `Text/Event-Stream; charset=utf-8`. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
