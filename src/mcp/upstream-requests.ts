import { type HttpExchange, type Network, startExchange } from './http-exchange.ts';
import { UpstreamError } from './upstream-error.ts';
import { toServerHeaders } from './upstream-headers.ts';

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
    if (this.#isClosed) throw new UpstreamError({ reason: 'the session was closed' });
    if (!this.#isOwnOrigin(url)) throw new UpstreamError({ reason: 'it names another host, which is not followed' });
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
