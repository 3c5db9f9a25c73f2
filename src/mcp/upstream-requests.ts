import { setTimeout as delay } from 'node:timers/promises';
import { type HttpExchange, type HttpResponse, type Network, startExchange } from './http-exchange.ts';
import { UpstreamError } from './upstream-error.ts';
import { toServerHeaders } from './upstream-headers.ts';

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 1_000;

export interface UpstreamRequestsOptions {
  readonly url: URL;
  /** The server's own headers, checked; lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Those of them that change, unchecked. */
  readonly volatileHeaders: (() => Readonly<Record<string, string>>) | undefined;
  readonly network: Network;
}

export interface UpstreamRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Those of one call, checked. */
  readonly callHeaders?: Readonly<Record<string, string>>;
  /** What the protocol needs. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** All requests of one session: each with the server's headers, and to its origin only. */
export class UpstreamRequests {
  readonly #options: UpstreamRequestsOptions;
  readonly #exchanges = new Set<HttpExchange>();
  #isClosed = false;

  constructor(options: UpstreamRequestsOptions) {
    this.#options = options;
  }

  /** Throws `UpstreamError` after the session was closed and for another origin, and what volatile headers throw. */
  start({ url, method, callHeaders, headers, body }: UpstreamRequest): HttpExchange {
    this.check(url);
    const { headers: own, volatileHeaders, network } = this.#options;
    const changing = volatileHeaders === undefined ? {} : toServerHeaders(volatileHeaders());
    const exchange = startExchange({
      url,
      method,
      headers: { ...callHeaders, ...own, ...changing, 'accept-encoding': 'identity', ...headers },
      body,
      network,
    });
    this.#exchanges.add(exchange);
    void exchange.closed.then(() => this.#exchanges.delete(exchange));
    return exchange;
  }

  check(url: URL): void {
    if (this.#isClosed) throw new UpstreamError('the session was closed');
    if (!this.#isOwnOrigin(url)) throw new UpstreamError('it names another host, which is not followed');
  }

  /** Gives up every exchange. */
  close(): void {
    this.#isClosed = true;
    for (const exchange of this.#exchanges) exchange.destroy();
  }

  /** The configured origin, or its https form: a server's secrets go nowhere else. */
  #isOwnOrigin(url: URL): boolean {
    const own = this.#options.url;
    if (url.origin === own.origin) return true;
    return (
      url.hostname === own.hostname && own.protocol === 'http:' && url.protocol === 'https:' && own.port === url.port
    );
  }
}

export interface ReachOptions {
  /** From now, in milliseconds. */
  readonly waitMs: number;
  /** Somebody still waits for the answer. */
  readonly isWanted: () => boolean;
}

/**
 * Starts an exchange, and starts it again while no connection can be made, as while a server restarts: nothing was
 * sent then. Throws `UpstreamError`, and what `start` throws.
 */
export async function connectWithRetry(
  start: () => HttpExchange,
  { waitMs, isWanted }: ReachOptions,
): Promise<{ readonly exchange: HttpExchange; readonly response: HttpResponse }> {
  const giveUpAt = performance.now() + waitMs;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, MAX_DELAY_MS)) {
    const exchange = start();
    try {
      return { exchange, response: await exchange.response };
    } catch (error) {
      const isUnreached = error instanceof UpstreamError && error.facts.isUnreached === true;
      const leftMs = giveUpAt - performance.now();
      if (!isUnreached || leftMs <= 0) throw error;
      // Many calls wait at once, and a server that comes up is not to meet all of them in one moment.
      await delay(Math.min(leftMs, delayMs * (0.5 + Math.random())));
      if (!isWanted()) throw error;
    }
  }
}
