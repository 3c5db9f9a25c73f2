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
import { publishedTools } from '../../servers/catalogue.ts';
import { toConnectAnswer } from '../../servers/connect-tool.ts';
import type { Server } from '../../servers/server.ts';
import type { ServerRegistry } from '../../servers/server-registry.ts';
import { ownNamesOf } from '../../servers/tool-overrides.ts';
import { NO_VALUES, type ValueSource } from '../../servers/user-values.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { AuditTrail } from '../audit-trail.ts';
import { type IdentifyDependencies, identify } from '../guards/identify.ts';
import { parseServicePath } from '../paths.ts';
import type { RequestFacts } from '../request-facts.ts';
import { parseArguments, requireJson } from './parse-arguments.ts';
import { BodyBudget, type HeldBody, readBody } from './read-body.ts';
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
  /** `undefined` without an audit log. */
  readonly audit: AuditTrail | undefined;
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

/**
 * `POST {prefix}<server>/<tool>`, the hot path: written against node's own request and response, since a router and a
 * body parser would cost more than the call.
 */
export function createToolRoute(dependencies: ToolRouteDependencies): ToolRoute {
  const { settings, identity, callLimit, audit, registry, logger, calls, callerValues, keepFile } = dependencies;
  const bodies = new BodyBudget(settings.maxBodiesBytes);
  const onlyServer = settings.singleServer ? settings.servers[0]?.name : undefined;

  return async (request, response, pathname, facts) => {
    const call = calls.follow(response);
    const { signal } = call;
    const { clientAddress: address } = facts;
    const principal = await identify(request, response, { address, accepted: 'bearer' }, identity);
    facts.principal = principal;
    const { server, name } = findServer(pathname);
    const listed = authorize(principal, server, name, facts);
    // Who calls, as limits count them.
    const callerId = principal.kind === 'anonymous' ? `anonymous ${toAddressKey(address)}` : toPrincipalId(principal);
    await callLimit?.count(callerId, response);
    audit?.assertAvailable();
    call.begin();
    const held = bodies.hold(callerId);
    let found: ResolvedTool | undefined;
    try {
      const usesCaller = !server.isShared || server.config.callMeta.size > 0;
      const values = usesCaller ? await callerValues(request, principal, server.config) : NO_VALUES;
      found = listed ?? (await resolveTool(server, name, { principal, values, trace: facts.trace }, signal));
      // From here on the call is authorized and recorded by the tool's own name.
      facts.resource = `${server.name}/${found.name}`;
      if (listed === undefined) requireCall(principal, server.name, found.name, server.config.access, name);
      facts.call = { server: server.name, tool: found.name };
      const { args, exactText } = await readArguments(request, facts, server, held);
      const { contentType, body } =
        found.kind === 'connect'
          ? answerConnect(server, found)
          : await callTool({
              principal,
              callerId,
              values,
              server,
              tool: found.tool,
              lease: found.lease,
              arguments: args,
              exactText,
              headers: request.headers,
              trace: facts.trace,
              keepFile: (file) => keepFile(request, file),
              signal,
            });
      calls.closeAfter(response);
      response.writeHead(200, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) }).end(body);
    } finally {
      found?.lease?.release();
      held.release();
    }
    audit?.called({ request, response }, facts);
  };

  /** The server and the tool's name that a path means. Throws `NotFoundError`. */
  function findServer(pathname: string): { readonly server: Server; readonly name: string } {
    const path = parseServicePath(pathname, settings);
    const server = path && registry.servers.get(path.server ?? onlyServer ?? '');
    if (path !== undefined && server !== undefined) return { server, name: path.name };
    throw new NotFoundError('There is no such server. /docs lists the servers.');
  }

  /** Its own function, so that the bytes of the body are free while the call runs. */
  async function readArguments(request: IncomingMessage, facts: RequestFacts, server: Server, held: HeldBody) {
    requireJson(request.headers['content-type']);
    const {
      value: args,
      exactText,
      bytes,
    } = parseArguments(await readBody(request, settings.maxBodyBytes, held, calls.cutOffSignal));
    audit?.noteArguments(facts, args, bytes);
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
  { name: server, catalogue, config, isShared }: Server,
  name: string,
  facts: RequestFacts,
): ResolvedTool | undefined {
  const tool = isShared && catalogue ? findBySpelling(catalogue.tools, name) : undefined;
  const toolName = tool?.ownName ?? name;
  facts.resource = `${server}/${toolName}`;
  if (tool === undefined) {
    requireAnyCall(principal, server, ownNamesOf(spellingsOf(name), config.tools), config.access);
    return undefined;
  }
  requireCall(principal, server, toolName, config.access, name);
  return { kind: 'tool', name: toolName, tool };
}

/** Connecting is done when the caller's session is open: the answer says what it offers. */
function answerConnect(server: Server, { catalogue, lease }: ResolvedTool & { kind: 'connect' }): HttpAnswer {
  const listed = server.catalogue?.tools;
  const isListed = publishedTools(catalogue).every(({ definition }) => listed?.has(definition.name));
  const answer = toConnectAnswer(server, catalogue, { isListed, redact: lease.hold.redact });
  return { contentType: 'application/json; charset=utf-8', body: JSON.stringify(answer) };
}
