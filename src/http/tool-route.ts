import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeArguments } from '../audit/audit-event.ts';
import type { Principal } from '../auth/principal.ts';
import { callTool } from '../bridge/call-tool.ts';
import { findBySpelling } from '../bridge/find-tool.ts';
import type { RegisteredServer } from '../bridge/registered-server.ts';
import type { ServerRegistry } from '../bridge/server-registry.ts';
import { type Caller, NO_VALUES, type ValueSource } from '../bridge/user-values.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { NotFoundError } from '../errors.ts';
import type { ResultFile } from '../mcp/tool-result.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { RequestFacts } from './audit-trail.ts';
import { parseArguments, requireJson } from './parse-arguments.ts';
import { readBody } from './read-body.ts';

/** Where the values of whoever sends a request come from, for a server whose sessions are users' own. */
export type CallerValues = (
  request: IncomingMessage,
  principal: Principal,
  server: ServerConfig,
) => Promise<ValueSource>;

export interface ToolRouteDependencies {
  readonly registry: ServerRegistry;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
  readonly callerValues: CallerValues;
  /** Keeps an image of a result and returns the URL where the request's sender finds it. */
  readonly keepFile: (request: IncomingMessage, file: ResultFile) => string | undefined;
}

export interface ToolRequest {
  readonly server: RegisteredServer;
  readonly tool: string;
  readonly principal: Principal;
  readonly facts: RequestFacts;
}

/**
 * `POST {prefix}<server>/<tool>`, the hot path: written against node's own request and response, since a router and a
 * body parser would cost more than the call. Security headers, CORS and authentication were done by `server.ts`.
 * Throws the `ServiceError`s of a call; the answer is not begun then.
 */
export async function answerToolCall(
  request: IncomingMessage,
  response: ServerResponse,
  { server, tool: toolName, principal, facts }: ToolRequest,
  { logger, maxBodyBytes, callerValues, keepFile }: ToolRouteDependencies,
): Promise<void> {
  const startedAt = performance.now();
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  response.once('close', leave);
  try {
    const isShared = server.config.isolation === 'shared';
    const values = isShared ? NO_VALUES : await callerValues(request, principal, server.config);
    const tool =
      server.catalogue?.tools.get(toolName) ??
      (await findTool(server, toolName, { principal, values }, leaving.signal));
    requireJson(request.headers['content-type']);
    const bytes = await readBody(request, maxBodyBytes);
    const { value: args, exactText } = parseArguments(bytes);
    facts.argumentDetails = describeArguments(args, bytes.length);
    if (logger.isDebug()) logger.debug('arguments', { request: facts.requestId, server: server.name, arguments: args });
    const { contentType, body } = await callTool({
      principal,
      values,
      server,
      tool,
      arguments: args,
      exactText,
      headers: request.headers,
      keepFile: (file) => keepFile(request, file),
      signal: leaving.signal,
    });
    response.writeHead(200, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) }).end(body);
    logger.info('call', {
      request: facts.requestId,
      server: server.name,
      tool: toolName,
      status: 200,
      ms: Math.round(performance.now() - startedAt),
    });
  } finally {
    response.removeListener('close', leave);
  }
}

/** While a server is on its way its tools may be unknown, or be those of the last time: 404 is only said after that. */
async function findTool(server: RegisteredServer, toolName: string, caller: Caller, signal: AbortSignal) {
  await server.whenToolsKnown(caller, signal);
  const tool = server.catalogue && findBySpelling(server.catalogue.tools, toolName);
  if (tool !== undefined) return tool;
  if (server.catalogue === undefined) throw server.unavailable();
  throw new NotFoundError(`Server "${server.name}" has no tool of this name; see its openapi.json for those it has.`);
}
