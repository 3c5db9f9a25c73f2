import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyTooLargeError, CallCancelledError, ServerUnavailableError, ServiceError, ToolError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { toErrorAnswer } from './error-answer.ts';

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

function logFailure(
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

/** A request's path as logs may have it: without its query, setup links, which whoever knows them can open, and users. */
export function loggedPath({ url = '' }: Pick<IncomingMessage, 'url'>): string {
  const path = url.split('?')[0] ?? '';
  return path.replace(/(\/vault\/+(?:link|api\/+users)\/+)[^/]+/i, '$1…');
}

function withoutLink(error: ServiceError): string {
  const { setupUrl } = error as { readonly setupUrl?: unknown };
  return typeof setupUrl === 'string' ? error.message.replaceAll(setupUrl, 'the setup link') : error.message;
}
