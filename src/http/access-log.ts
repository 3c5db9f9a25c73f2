import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Settings } from '../config/settings.ts';
import { ServiceError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { plainAddress } from './guards/client-address.ts';
import { createLoggedCaller } from './logged-caller.ts';
import { loggedPath, toPagePaths, toPathname } from './paths.ts';
import type { RequestObserver } from './request-facts.ts';

/** What nginx logs for a caller who left before an answer began; tools that read access logs know it. */
const CLIENT_CLOSED_REQUEST = 499;

/** Checks of load balancers, scrapes, styles and scripts: many, and all the same. */
const QUIET = /^(?:healthz|readyz|metrics|favicon\.ico|docs\/assets\/.*)$/;

/**
 * Makes the observer that logs one line for each request: from where, what, how it ended, and by whom unless
 * `audit.pseudonymise` hides that. Probes and assets are logged at `debug`.
 */
export function createAccessLog(settings: Pick<Settings, 'audit' | 'pathPrefix'>, logger: Logger): RequestObserver {
  const toLogged = createLoggedCaller(settings.audit);
  const { pseudonymise } = settings.audit;
  return ({ request, response }, facts) => {
    const { requestId, clientAddress, startedAt, call, error } = facts;
    const isQuiet = call === undefined && isQuietPath(request);
    if (isQuiet && !logger.isDebug()) return;
    logger[isQuiet ? 'debug' : 'info']('request', {
      address: pseudonymise ? undefined : clientAddress,
      request: requestId,
      method: request.method,
      path: loggedPath(request),
      status: response.headersSent ? response.statusCode : CLIENT_CLOSED_REQUEST,
      ms: Math.round((performance.now() - startedAt) * 10) / 10,
      bytes: bytesOf(request, response),
      ...call,
      ...toLogged(facts),
      code: error instanceof ServiceError ? error.code : undefined,
      aborted: response.writableFinished ? undefined : true,
      trace_id: facts.trace?.context.traceId,
    });
  };

  function isQuietPath({ url = '' }: IncomingMessage): boolean {
    return toPagePaths(toPathname(url), settings).some((path) => QUIET.test(path));
  }
}

/** Of the answer's body; `undefined` if it was not sent whole, or in pieces of unknown length. */
function bytesOf(request: IncomingMessage, response: ServerResponse): number | undefined {
  if (!response.writableFinished) return undefined;
  if (request.method === 'HEAD' || response.statusCode === 204 || response.statusCode === 304) return 0;
  const length = response.getHeader('content-length');
  return length === undefined ? undefined : Number(length);
}

/** What Node answers by itself (`node:http`, event `clientError`); 400 is for all other errors. */
const REFUSALS: ReadonlyMap<string | undefined, number> = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
]);

/**
 * Logs requests that Node refuses before they are any: malformed, too large, too slow. They are answered as Node answers
 * them without a listener. Their address is that of the connection, since no header of theirs is believed.
 */
export function logRefusedRequests(server: Server, settings: Pick<Settings, 'audit'>, logger: Logger): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex & { readonly remoteAddress?: string }) => {
    const { code } = error;
    const status = REFUSALS.get(code) ?? 400;
    // Node's own listener looks at it too: an answer in progress must not be followed by another one.
    const { _httpMessage: answer } = socket as { readonly _httpMessage?: ServerResponse };
    const isConnectionLost = code === 'ECONNRESET' || code === 'EPIPE' || !socket.writable;
    if (!isConnectionLost && answer?.headersSent !== true) {
      socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`);
    }
    if (!isConnectionLost && answer === undefined) {
      const address = settings.audit.pseudonymise ? undefined : plainAddress(socket.remoteAddress);
      logger.info('request', { address, status, code });
    }
    socket.destroy(error);
  });
}
