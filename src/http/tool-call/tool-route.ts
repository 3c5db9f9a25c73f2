import type { IncomingMessage, ServerResponse } from 'node:http';
import { requireAnyCall, requireCall } from '../../auth/authorize.ts';
import { type Principal, toPrincipalId } from '../../auth/principal.ts';
import type { ServerConfig } from '../../config/server-config.ts';
import type { Settings } from '../../config/settings.ts';
import { NotFoundError } from '../../errors.ts';
import type { HttpAnswer } from '../../mcp/negotiated-answer.ts';
import type { ResultFile } from '../../mcp/result-media.ts';
import { toAddressKey } from '../../rate-limit/address-key.ts';
import type { RateLimit } from '../../rate-limit/rate-limit.ts';
import { callTool, findBySpelling, type ResolvedTool, resolveTool, spellingsOf } from '../../servers/call-tool.ts';
import type { CatalogueTool } from '../../servers/catalogue.ts';
import { toConnectAnswer } from '../../servers/connect-tool.ts';
import type { Server } from '../../servers/server.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import { NO_VALUES, type ValueSource } from '../../servers/user-values.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { AuditTrail, RequestFacts } from '../audit-trail.ts';
import { type IdentifyDependencies, identify } from '../guards/identify.ts';
import { parseServicePath } from '../paths.ts';
import { parseArguments, requireJson } from './parse-arguments.ts';
import { BodyBudget, HeldBody, readBody } from './read-body.ts';
import type { RunningCalls } from './running-calls.ts';

/** Where the caller's own values come from, for a server whose sessions belong to users. */
export type CallerValues = (
  request: IncomingMessage,
  principal: Principal,
  server: ServerConfig,
) => Promise<ValueSource>;

export interface ToolRouteDependencies {
  readonly settings: Settings;
  readonly identity: IdentifyDependencies;
  /** How often one principal may call; `undefined`: no limit. */
  readonly callLimit: RateLimit | undefined;
  readonly audit: AuditTrail;
  readonly registry: ServerRegistry;
  readonly logger: Logger;
  /** The tool calls that a drain waits for. */
  readonly calls: RunningCalls;
  readonly callerValues: CallerValues;
  /** Stores an image of a result and returns its URL for the sender of the request. */
  readonly keepFile: (request: IncomingMessage, file: ResultFile) => string | undefined;
}

/** Answers a call; rejects with its `ServiceError` before the answer has begun. */
export type ToolRoute = (
  request: IncomingMessage,
  response: ServerResponse,
  pathname: string,
  facts: RequestFacts,
) => Promise<void>;

/** A call that may run: who calls which tool. */
interface AllowedCall {
  readonly request: IncomingMessage;
  readonly facts: RequestFacts;
  readonly principal: Principal;
  /** Who calls, as limits count them: the principal, or the address of an anonymous one. */
  readonly callerId: string;
  readonly server: Server;
  /** As the caller spelled it. */
  readonly name: string;
  /** `undefined`: the tool is looked up, and the principal authorized for it, in the caller's own session. */
  readonly tool: CatalogueTool | undefined;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
}

/**
 * `POST {prefix}<server>/<tool>`, the hot path: written against node's own request and response, since a router and a
 * body parser would cost more than the call.
 */
export function createToolRoute(dependencies: ToolRouteDependencies): ToolRoute {
  const { settings, identity, callLimit, audit, registry, logger, calls, callerValues, keepFile } = dependencies;
  const bodies = new BodyBudget(settings.maxBodiesBytes);
  const onlyServer = settings.singleServer ? settings.servers[0]?.name : undefined;

  return async (request, response, pathname, facts) => {
    const running = calls.follow(response);
    const { clientAddress: address } = facts;
    const principal = await identify(request, response, { address, accepted: 'bearer' }, identity);
    facts.principal = principal;
    const found = findServer(pathname);
    const tool = authorize(principal, found, facts);
    const callerId = principal.kind === 'anonymous' ? `anonymous ${toAddressKey(address)}` : toPrincipalId(principal);
    await callLimit?.count(callerId, response);
    audit.assertAvailable();
    running.begin();
    const held = new HeldBody(bodies, callerId);
    try {
      const { signal } = running;
      await answerCall({ request, facts, principal, callerId, ...found, tool, signal }, held, response);
    } finally {
      held.release();
    }
    audit.called(request, facts);
  };

  /** The server and the tool's name that a path means. Throws `NotFoundError`. */
  function findServer(pathname: string): { readonly server: Server; readonly name: string } {
    const path = parseServicePath(pathname, settings);
    const server = path && registry.servers.get(path.server ?? onlyServer ?? '');
    if (path !== undefined && server !== undefined) return { server, name: path.name };
    throw new NotFoundError('There is no such server. /docs lists the servers.');
  }

  async function answerCall(call: AllowedCall, held: HeldBody, response: ServerResponse): Promise<void> {
    const { request, facts, principal, server } = call;
    const startedAt = performance.now();
    const values = server.isShared ? NO_VALUES : await callerValues(request, principal, server.config);
    const resolved: ResolvedTool =
      call.tool === undefined
        ? await findTool(call, values)
        : { kind: 'tool', name: call.tool.definition.name, tool: call.tool };
    try {
      const { args, exactText } = await readArguments(call, held);
      const { contentType, body } =
        resolved.kind === 'connect'
          ? answerConnect(server, resolved)
          : await callTool({
              principal,
              callerId: call.callerId,
              values,
              server,
              tool: resolved.tool,
              lease: resolved.lease,
              arguments: args,
              exactText,
              headers: request.headers,
              keepFile: (file) => keepFile(request, file),
              signal: call.signal,
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

  /** Its own function, so that the bytes of the body are free while the call runs. */
  async function readArguments({ request, facts, server }: AllowedCall, held: HeldBody) {
    requireJson(request.headers['content-type']);
    const { value: args, exactText, bytes } = parseArguments(await readBody(request, settings.maxBodyBytes, held));
    audit.noteArguments(facts, args, bytes);
    if (logger.isDebug()) {
      logger.debug('arguments', { request: facts.requestId, server: server.name, arguments: args });
    }
    return { args, exactText };
  }
}

/**
 * The tool of a shared server's catalogue, for a principal who may call it. `undefined` where users have their own lists
 * of tools: then the principal may call at least one tool that the name can mean, so that no other caller opens a session
 * or waits for a server. Throws `ForbiddenError`.
 */
function authorize(
  principal: Principal,
  { server, name }: { readonly server: Server; readonly name: string },
  facts: RequestFacts,
): CatalogueTool | undefined {
  const { catalogue, config, isShared } = server;
  const tool = isShared && catalogue ? findBySpelling(catalogue.tools, name) : undefined;
  const toolName = tool?.definition.name ?? name;
  facts.resource = `${server.name}/${toolName}`;
  if (tool === undefined) requireAnyCall(principal, server.name, spellingsOf(name), config.access);
  else requireCall(principal, server.name, toolName, config.access, name);
  return tool;
}

/** Finds the tool that the caller means; from here on the call is authorized and recorded by the tool's own name. */
async function findTool(
  { server, name, principal, facts, signal }: AllowedCall,
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
function answerConnect(server: Server, { catalogue, lease }: ResolvedTool & { kind: 'connect' }): HttpAnswer {
  const listed = server.catalogue?.tools;
  const isListed = [...catalogue.tools.keys()].every((name) => listed?.has(name));
  const answer = toConnectAnswer(server.name, catalogue, { isListed, redact: lease.hold.redact });
  return { contentType: 'application/json; charset=utf-8', body: JSON.stringify(answer) };
}
