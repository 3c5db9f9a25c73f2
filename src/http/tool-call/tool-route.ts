import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeArguments } from '../../audit/audit-event.ts';
import { requireCall } from '../../auth/authorize.ts';
import type { Principal } from '../../auth/principal.ts';
import type { ServerConfig } from '../../config/server-config.ts';
import type { HttpAnswer, ResultFile } from '../../mcp/tool-result.ts';
import { callTool } from '../../servers/call-tool.ts';
import type { CatalogueTool } from '../../servers/catalogue.ts';
import { toConnectAnswer } from '../../servers/connect-tool.ts';
import type { RegisteredServer } from '../../servers/registered-server.ts';
import { type ResolvedTool, resolveTool } from '../../servers/resolve-tool.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import { NO_VALUES, type ValueSource } from '../../servers/user-values.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { RequestFacts } from '../audit-trail.ts';
import { type BodyBudget, HeldBody } from './body-budget.ts';
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
  /** What the bodies of all calls take together. */
  readonly bodies: BodyBudget;
  readonly callerValues: CallerValues;
  /** Keeps an image of a result and returns the URL where the request's sender finds it. */
  readonly keepFile: (request: IncomingMessage, file: ResultFile) => string | undefined;
}

export interface ToolRequest {
  readonly server: RegisteredServer;
  /** As the caller spelled it. */
  readonly name: string;
  /** The tool, which the principal may call; `undefined`: it is still to be found and to be asked about. */
  readonly tool: CatalogueTool | undefined;
  readonly principal: Principal;
  /** Who calls, as limits count it: the principal, or the address of an anonymous one. */
  readonly callerId: string;
  readonly facts: RequestFacts;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
}

/**
 * `POST {prefix}<server>/<tool>`, the hot path: written against node's own request and response, since a router and a
 * body parser would cost more than the call. Security headers, CORS, authentication and, for a tool that is known,
 * authorization were done by `server.ts`.
 * Throws the `ServiceError`s of a call; the answer is not begun then.
 */
export async function answerToolCall(
  request: IncomingMessage,
  response: ServerResponse,
  call: ToolRequest,
  dependencies: ToolRouteDependencies,
): Promise<void> {
  const held = new HeldBody(dependencies.bodies, call.callerId);
  try {
    await answerHolding(held, request, response, call, dependencies);
  } finally {
    held.release();
  }
}

async function answerHolding(
  held: HeldBody,
  request: IncomingMessage,
  response: ServerResponse,
  toolRequest: ToolRequest,
  { logger, maxBodyBytes, callerValues, keepFile }: ToolRouteDependencies,
): Promise<void> {
  const { server, principal, callerId, facts, signal } = toolRequest;
  const startedAt = performance.now();
  const isShared = server.config.isolation === 'shared';
  const values = isShared ? NO_VALUES : await callerValues(request, principal, server.config);
  const { tool: known } = toolRequest;
  const resolved: ResolvedTool =
    known === undefined
      ? await findTool(toolRequest, values)
      : { kind: 'tool', name: known.definition.name, tool: known };
  try {
    requireJson(request.headers['content-type']);
    // The bytes are not kept by a name, so that they are free while the call runs.
    const { value: args, exactText, bytes } = parseArguments(await readBody(request, maxBodyBytes, held));
    facts.argumentDetails = describeArguments(args, bytes);
    if (logger.isDebug()) {
      logger.debug('arguments', { request: facts.requestId, server: server.name, arguments: args });
    }
    const { contentType, body } =
      resolved.kind === 'connect'
        ? answerConnect(server, resolved)
        : await callTool({
            principal,
            callerId,
            values,
            server,
            tool: resolved.tool,
            lease: resolved.lease,
            arguments: args,
            exactText,
            headers: request.headers,
            keepFile: (file) => keepFile(request, file),
            signal,
          });
    response.writeHead(200, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) }).end(body);
  } finally {
    resolved.lease?.release();
  }
  logger.info('call', {
    request: facts.requestId,
    server: server.name,
    tool: resolved.name,
    status: 200,
    ms: Math.round(performance.now() - startedAt),
  });
}

/** Finds the tool that the caller means; from here on the call is judged and recorded by the tool's own name. */
async function findTool(
  { server, name, principal, facts, signal }: ToolRequest,
  values: ValueSource,
): Promise<ResolvedTool> {
  const resolved = await resolveTool(server, name, { principal, values }, signal);
  facts.resource = `${server.name}/${resolved.name}`;
  try {
    requireCall(principal, server.name, resolved.name, server.config.access, name);
  } catch (error) {
    resolved.lease?.release();
    throw error;
  }
  return resolved;
}

/** Connecting is done when the caller's session is open: the answer says what it offers. */
function answerConnect(server: RegisteredServer, { catalogue, lease }: ResolvedTool & { kind: 'connect' }): HttpAnswer {
  const listed = server.catalogue?.tools;
  const isListed = [...catalogue.tools.keys()].every((name) => listed?.has(name));
  const answer = toConnectAnswer(server.name, catalogue, { isListed, redact: (...text) => lease.redact(...text) });
  return { contentType: 'application/json; charset=utf-8', body: JSON.stringify(answer) };
}
