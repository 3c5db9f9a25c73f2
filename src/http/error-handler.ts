import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  BodyTooLargeError,
  CallCancelledError,
  ForbiddenError,
  InvalidArgumentsError,
  JsonRpcError,
  MethodNotAllowedError,
  NotFoundError,
  ServerUnavailableError,
  ServiceError,
  ToolError,
  UnauthenticatedError,
  UserVariablesMissingError,
} from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Short and on one line: Open WebUI hands it to the model and shows it to the user. */
  readonly body: string;
}

/** JSON-RPC 2.0, section 5.1; codes not named here are the server's own trouble. */
const JSON_RPC_STATUSES = new Map([
  [-32700, 400],
  [-32600, 400],
  [-32601, 404],
  [-32602, 422],
]);

/**
 * Maps every failure to an answer; the only place where that is done. What is not a `ServiceError` is a fault of ours:
 * 500 without details, which the caller of this function logs.
 */
export function toErrorAnswer(error: unknown): ErrorAnswer {
  if (!(error instanceof ServiceError)) {
    return answer(500, { detail: { message: 'Internal error of the service. Its log has more.', code: 'internal' } });
  }
  if (error instanceof UnauthenticatedError) {
    return answer(error.status, { detail: error.message }, [['WWW-Authenticate', error.challenge]]);
  }
  if (error instanceof ForbiddenError || error instanceof NotFoundError) {
    return answer(error.status, { detail: error.message });
  }
  if (error instanceof MethodNotAllowedError) {
    return answer(error.status, { detail: error.message }, [['Allow', error.allow.join(', ')]]);
  }
  if (error instanceof InvalidArgumentsError) return answer(error.status, { detail: error.issues });
  if (error instanceof ToolError) return answer(error.status, { detail: { message: error.message } });
  if (error instanceof JsonRpcError) {
    const data = error.data === undefined ? {} : { data: error.data };
    return answer(JSON_RPC_STATUSES.get(error.rpcCode) ?? 502, { detail: { message: error.message, ...data } });
  }
  const headers: [string, string][] =
    'retryAfterSeconds' in error ? [['Retry-After', String(error.retryAfterSeconds)]] : [];
  const missing = error instanceof UserVariablesMissingError ? { missing: error.missing } : {};
  const setupUrl = 'setupUrl' in error && error.setupUrl !== undefined ? { setup_url: error.setupUrl } : {};
  const detail = { message: error.message, code: error.code, ...missing, ...setupUrl };
  return answer(error.status, { detail }, headers);
}

function answer(status: number, body: unknown, headers: readonly (readonly [string, string])[] = []): ErrorAnswer {
  return {
    status,
    headers: [['Content-Type', 'application/json; charset=utf-8'], ...headers],
    body: JSON.stringify(body),
  };
}

/** How long the rest of a refused body is drained, so that the caller gets to read the answer. */
const DRAIN_MS = 1_000;

/** Ends a request that failed, once: the answer if none was begun, one line in the log. */
export function answerError(error: unknown, request: IncomingMessage, response: ServerResponse, logger: Logger): void {
  const { status, headers, body } = toErrorAnswer(error);
  logFailure(error, status, request, response, logger);
  if (response.headersSent || response.destroyed || error instanceof CallCancelledError) {
    response.destroy();
    return;
  }
  for (const [name, value] of headers) response.setHeader(name, value);
  if (!request.complete) response.setHeader('Connection', 'close');
  response.writeHead(status, { 'Content-Length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
  const isBodyRefused = error instanceof BodyTooLargeError || error instanceof ServerUnavailableError;
  if (isBodyRefused && !request.complete) setTimeout(() => request.destroy(), DRAIN_MS).unref();
}

/** One line in the log about a request that failed. */
export function logFailure(
  error: unknown,
  status: number,
  request: IncomingMessage,
  response: ServerResponse,
  logger: Logger,
): void {
  const facts = {
    request: response.getHeader('X-Request-Id'),
    method: request.method,
    path: loggedPath(request),
    status,
  };
  if (!(error instanceof ServiceError)) {
    logger.error('request failed by a fault of the service', {
      ...facts,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return;
  }
  const isOurs = status >= 500 && !(error instanceof ToolError);
  // Not cut here: the log takes secrets out first.
  const reason = error instanceof ToolError ? undefined : withoutLink(error);
  const { detail } = error as { readonly detail?: unknown };
  logger[isOurs ? 'warn' : 'info']('request failed', { ...facts, code: error.code, reason, detail });
}

/**
 * A request's path as logs may have it: without its query, without users, and without the tokens of setup links, which
 * open for anyone who knows them.
 */
export function loggedPath(request: Pick<IncomingMessage, 'url'> & { readonly originalUrl?: string }): string {
  // Express changes `url` on the way.
  const [path = ''] = (request.originalUrl ?? request.url ?? '').split('?');
  return path.replace(/(\/vault\/+(?:link|api\/+users)\/+)[^/]+/i, '$1…');
}

function withoutLink(error: ServiceError): string {
  const { setupUrl } = error as { readonly setupUrl?: unknown };
  return typeof setupUrl === 'string' ? error.message.replaceAll(setupUrl, 'the setup link') : error.message;
}
