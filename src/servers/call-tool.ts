import type { Principal } from '../auth/principal.ts';
import type { ClientHeaderForwarding } from '../config/server-config.ts';
import { InvalidArgumentsError, SessionExpiredError } from '../errors.ts';
import type { ToolResult } from '../mcp/session.ts';
import { type HttpAnswer, type KeepFile, toHttpAnswer } from '../mcp/tool-result.ts';
import type { CatalogueTool } from './catalogue.ts';
import type { Lease } from './lease.ts';
import type { Server } from './server.ts';
import type { ValueSource } from './user-values.ts';

/** Progress extends a call's deadline, up to this many times its length. */
const HARD_DEADLINE_FACTOR = 4;

/** Credentials, identity and what belongs to one connection are never passed on, whatever the lists say. */
const NEVER =
  /^(authorization|proxy-.*|cookie|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-.*|accept|accept-encoding|expect|mcp-.*|x-openwebui-.*|x-user-.*)$/;

export interface ToolCall {
  readonly principal: Principal;
  /** Who takes turns where calls wait: the principal, or the address of an anonymous one. */
  readonly callerId: string;
  /** Where the caller's own values come from. */
  readonly values: ValueSource;
  readonly server: Server;
  readonly tool: CatalogueTool;
  /** The session that the tool was found on; the caller of `callTool` releases it as well. */
  readonly lease?: Lease | undefined;
  readonly arguments: Record<string, unknown>;
  /** The arguments' JSON text, sent in place of `arguments` where those do not have every number exactly. */
  readonly exactText: string | undefined;
  /** The caller's headers, lower-case names; `accept` chooses the form of the answer. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Keeps an image of the result; used where the server's `resultImages` is `url`. */
  readonly keepFile: KeepFile;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
}

/**
 * Calls a tool: checks and completes the arguments, waits for its turn and its session, and runs the call once. Only
 * a call that the server refused because it had forgotten the session, and so did not run, is sent again.
 * Returns the body that answers the call.
 * Throws the `ServiceError`s of a call.
 */
export async function callTool(call: ToolCall): Promise<HttpAnswer> {
  const { server, tool, principal, values, signal } = call;
  checkArguments(call);
  const lease = call.lease ?? (await server.acquire({ principal, values }, signal));
  const result = await runOn(lease, call);
  if (tool.checkResult !== undefined) server.resultWatch.watch(tool, result);
  try {
    return toHttpAnswer(result, {
      hasOutputSchema: tool.definition.outputSchema !== undefined,
      accept: call.headers.accept as string | undefined,
      toolErrorStatus: server.config.toolErrorStatus,
      keepFile: server.config.resultImages === 'url' ? call.keepFile : undefined,
    });
  } catch (error) {
    // A tool's error text may quote the secret that the tool was given.
    throw await lease.toPublicError(error);
  }
}

/** Exact text is sent unchanged, so that arguments which need a default or a coerced string are rejected then. */
function checkArguments({ tool, arguments: args, exactText }: ToolCall): void {
  const before = exactText === undefined ? undefined : JSON.stringify(args);
  tool.checkArguments(args);
  if (before === undefined || JSON.stringify(args) === before) return;
  const msg = 'Input has a number that cannot be passed on exactly; send it as a string if the tool takes one';
  throw new InvalidArgumentsError([{ type: 'number_not_exact', loc: ['body'], msg }]);
}

async function runOn(lease: Lease, call: ToolCall): Promise<ToolResult> {
  const { server, tool, callerId, signal } = call;
  try {
    const result = await server.limit.run(callerId, signal, () => runOnce(call, lease));
    lease.noteUse(tool.definition.name);
    return result;
  } catch (error) {
    throw await lease.toPublicError(error);
  } finally {
    lease.release();
  }
}

async function runOnce(call: ToolCall, lease: Lease): Promise<ToolResult> {
  const { server, tool, signal } = call;
  const { timeoutMs, clientHeaderForwarding } = server.config;

  for (let isReplay = false; ; isReplay = true) {
    const session = await lease.open(signal);
    try {
      return await session.callTool(tool.definition.name, call.arguments, {
        signal,
        deadlineMs: timeoutMs,
        hardDeadlineMs: timeoutMs * HARD_DEADLINE_FACTOR,
        argumentsText: call.exactText,
        headers: clientHeaderForwarding && forwardedHeaders(call.headers, clientHeaderForwarding),
      });
    } catch (error) {
      if (!(error instanceof SessionExpiredError) || isReplay) throw error;
    }
  }
}

/** The caller's headers that the admin lets through to the server; none unless the whitelist names them. */
export function forwardedHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  { whitelist, blacklist }: ClientHeaderForwarding,
): Record<string, string> {
  const forwarded: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || NEVER.test(name)) continue;
    if (matchesAny(whitelist, name) && !matchesAny(blacklist, name)) forwarded[name] = value;
  }
  return forwarded;
}

function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name));
}
