import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  CallCancelledError,
  ForbiddenError,
  InvalidArgumentsError,
  JsonRpcError,
  MethodNotAllowedError,
  NotFoundError,
  ServiceError,
  ToolError,
  UnauthenticatedError,
  UserVariablesMissingError,
} from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { LoggedCaller } from './logged-caller.ts';
import { loggedPath } from './paths.ts';
import { factsOf, noteFacts } from './request-facts.ts';

export interface ErrorAnswer {
  readonly status: number;
  /** Beside `Content-Type`. */
  readonly headers: Readonly<Record<string, string>>;
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
  const { message, code, status } = error;
  if (error instanceof UnauthenticatedError) {
    return answer(status, { detail: message }, { 'WWW-Authenticate': error.challenge });
  }
  if (error instanceof MethodNotAllowedError) {
    return answer(status, { detail: message }, { Allow: error.allow.join(', ') });
  }
  if (error instanceof ForbiddenError || error instanceof NotFoundError) return answer(status, { detail: message });
  if (error instanceof InvalidArgumentsError) return answer(status, { detail: error.issues });
  if (error instanceof ToolError) return answer(status, { detail: { message } });
  if (error instanceof JsonRpcError) {
    return answer(JSON_RPC_STATUSES.get(error.rpcCode) ?? 502, { detail: { message, data: error.data } });
  }
  const headers = 'retryAfterSeconds' in error ? { 'Retry-After': String(error.retryAfterSeconds) } : {};
  const missing = error instanceof UserVariablesMissingError ? error.missing : undefined;
  const setupUrl = 'setupUrl' in error ? error.setupUrl : undefined;
  return answer(status, { detail: { message, code, missing, setup_url: setupUrl } }, headers);
}

function answer(status: number, body: object, headers: ErrorAnswer['headers'] = {}): ErrorAnswer {
  return { status, headers, body: JSON.stringify(body) };
}

/** Ends a request that failed, once: the answer if none was begun, one line in the log. */
export function answerError(
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  logger: Logger,
  caller: LoggedCaller = {},
): void {
  const { status, headers, body } = toErrorAnswer(error);
  logFailure(error, status, request, response, logger, caller);
  if (response.headersSent || response.destroyed || error instanceof CallCancelledError) {
    response.destroy();
    return;
  }
  refuseRest(request, response);
  const content = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(status, { ...content, ...headers });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** How long the rest of a refused body is drained, so that the caller gets to read the answer. */
const DRAIN_MS = 1_000;

/** To be called before a request is answered whose body may not have come whole, and is not read on. */
export function refuseRest(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete) return;
  response.setHeader('Connection', 'close');
  setTimeout(() => request.destroy(), DRAIN_MS).unref();
}

/**
 * One line in the log about a request that failed. Where that was a log-in, its message and the fields up to the address
 * never change: deploy/fail2ban reads them.
 */
export function logFailure(
  error: unknown,
  status: number,
  request: IncomingMessage,
  response: ServerResponse,
  logger: Logger,
  caller: LoggedCaller = {},
): void {
  const requestFacts = factsOf(request);
  const facts = {
    request: response.getHeader('X-Request-Id'),
    method: request.method,
    path: loggedPath(request),
    status,
    trace_id: requestFacts?.trace?.context.traceId,
    ...caller,
  };
  if (!(error instanceof ServiceError)) {
    noteFacts(request, { error });
    logger.error('request failed by a fault of the service', {
      ...facts,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return;
  }
  if (requestFacts?.isFailedLogIn) {
    const address = { address: requestFacts.clientAddress };
    logger.warn('log-in failed', { ...address, ...facts, code: error.code, reason: withoutLink(error) });
    return;
  }
  const isOurs = status >= 500 && !(error instanceof ToolError);
  // Not cut here: the log takes secrets out first.
  const reason = error instanceof ToolError ? undefined : withoutLink(error);
  const { detail } = error as { readonly detail?: unknown };
  logger[isOurs ? 'warn' : 'info']('request failed', { ...facts, code: error.code, reason, detail });
}

function withoutLink(error: ServiceError): string {
  const { setupUrl } = error as { readonly setupUrl?: unknown };
  return typeof setupUrl === 'string' ? error.message.replaceAll(setupUrl, 'the setup link') : error.message;
}
