import type { Principal } from '../auth/principal.ts';
import {
  CallCancelledError,
  InvalidArgumentsError,
  NotFoundError,
  ResultTooLargeError,
  ServerUnavailableError,
  SessionExpiredError,
} from '../errors.ts';
import type { HttpAnswer } from '../mcp/negotiated-answer.ts';
import type { KeepFile } from '../mcp/result-media.ts';
import type { ToolResult } from '../mcp/session.ts';
import { toHttpAnswer } from '../mcp/tool-result.ts';
import { adviceFor, cutResult, withAdvice } from '../results/cut-result.ts';
import { redactResult, redactServerError } from '../results/redact-result.ts';
import { resultRedactor } from '../rules/result-redactor.ts';
import type { Trace } from '../telemetry/trace.ts';
import type { NoTurn } from '../turns/fair-turns.ts';
import { type CallMeta, resolveCallMeta } from './call-meta.ts';
import type { Catalogue, CatalogueTool } from './catalogue.ts';
import { connectToolName } from './connect-tool.ts';
import { redactError } from './failure-reason.ts';
import { forwardedHeaders } from './forwarded-headers.ts';
import type { Lease } from './lease.ts';
import type { Server } from './server.ts';
import type { Caller, ValueSource } from './user-values.ts';

/** Progress extends a call's deadline, up to this many times its length. */
const HARD_DEADLINE_FACTOR = 4;

/** What a call means; `name` is the server's own for the tool. The lease, of the session that was asked for its tools, is to be released in any case. */
export type ResolvedTool =
  | { readonly kind: 'tool'; readonly name: string; readonly tool: CatalogueTool; readonly lease?: Lease }
  | { readonly kind: 'connect'; readonly name: string; readonly catalogue: Catalogue; readonly lease: Lease };

/**
 * Finds the tool that a caller means, in the list of the session that the call will run on. While a server starts, its
 * tools may be unknown, or be those of the last run, so this waits first.
 * Throws `NotFoundError` for an unknown tool and the errors of `Server.acquire`.
 */
export async function resolveTool(
  server: Server,
  name: string,
  caller: Caller,
  signal: AbortSignal,
): Promise<ResolvedTool> {
  const lease = await server.acquire(caller, signal);
  try {
    await lease.open(signal);
    const { catalogue } = lease.hold;
    if (catalogue === undefined) throw server.unavailable();
    const tool = findBySpelling(catalogue.tools, name);
    if (tool !== undefined) return { kind: 'tool', name: tool.ownName, tool, lease };
    if (!server.isShared && name === connectToolName(server.name)) return { kind: 'connect', name, catalogue, lease };
    throw new NotFoundError(`Server "${server.name}" has no tool of this name; see its openapi.json for those it has.`);
  } catch (error) {
    lease.release();
    throw error;
  }
}

/**
 * The tool that a URL means although it does not spell the name as the server does: composed or decomposed letters
 * (Unicode Standard Annex 15), and `+` for a space, as in forms. No two tools of a catalogue match one such spelling.
 */
export function findBySpelling<Tool>(tools: ReadonlyMap<string, Tool>, name: string): Tool | undefined {
  for (const spelling of spellingsOf(name)) {
    const tool = tools.get(spelling) ?? tools.get(spelling.normalize('NFC')) ?? tools.get(spelling.normalize('NFD'));
    if (tool !== undefined) return tool;
  }
  return undefined;
}

/** The names that a tool found by this name may have, apart from composed or decomposed letters. */
export function spellingsOf(name: string): readonly string[] {
  return name.includes('+') ? [name, name.replaceAll('+', ' ')] : [name];
}

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
  /** The trace that the call is a part of. */
  readonly trace?: Trace | undefined;
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
  const { server, tool, principal, values, trace, signal } = call;
  checkArguments(call);
  if (tool.rules !== undefined) await tool.rules.check(call.arguments, call.exactText);
  const caller = { principal, values, trace };
  const meta = server.config.callMeta.size > 0 ? await resolveCallMeta(server, caller) : undefined;
  const lease = call.lease ?? (await server.acquire(caller, signal));
  const refuse = (why: NoTurn) => toTurnError(server.name, why);
  try {
    const result = await server.turns.run(call.callerId, signal, () => runOnce(call, lease, meta), refuse);
    lease.hold.noteUse?.(tool.definition.name);
    if (tool.checkResult !== undefined) server.resultWatch.watch(tool, result);
    return toAnswer(call, result);
  } catch (error) {
    // An error's text may quote the secret that the tool was given.
    const shown = await lease.hold.toPublicError(error);
    throw toShownError(call, meta === undefined ? shown : redactError(shown, meta.redact));
  } finally {
    meta?.release();
    lease.release();
  }
}

function toAnswer({ server, tool, headers, keepFile }: ToolCall, result: ToolResult): HttpAnswer {
  const { toolErrorStatus, resultImages, redactResults, maxResultBytes, oversizedResults } = server.config;
  const hasOutputSchema = tool.definition.outputSchema !== undefined;
  const options = {
    hasOutputSchema,
    accept: headers.accept as string | undefined,
    toolErrorStatus,
    keepFile: resultImages === 'url' ? keepFile : undefined,
  };
  const shown = redactResults === undefined ? result : redactResult(result, resultRedactor(redactResults));
  const answer = toHttpAnswer(shown, options);
  // Each UTF-16 unit of a string takes at most three bytes.
  if (oversizedResults === 'refuse' || answer.body.length <= maxResultBytes / 3) return answer;
  if (Buffer.byteLength(answer.body) <= maxResultBytes) return answer;
  const advice = adviceFor(tool.definition.inputSchema);
  return toHttpAnswer(cutResult(shown, maxResultBytes, hasOutputSchema, advice), {
    ...options,
    hasOutputSchema: false,
  });
}

/** What the server said is redacted as its results are; a result that was not read comes with advice. */
function toShownError({ server, tool }: ToolCall, error: unknown): unknown {
  const { redactResults } = server.config;
  if (error instanceof ResultTooLargeError) return withAdvice(error, tool.definition.inputSchema);
  return redactResults === undefined ? error : redactServerError(error, resultRedactor(redactResults));
}

/** Exact text is sent unchanged, so that arguments which need a default or a coerced string are rejected then. */
function checkArguments({ tool, arguments: args, exactText }: ToolCall): void {
  const before = exactText === undefined ? undefined : JSON.stringify(args);
  tool.checkArguments(args);
  if (before === undefined || JSON.stringify(args) === before) return;
  const msg = 'Input has a number that cannot be passed on exactly; send it as a string if the tool takes one';
  throw new InvalidArgumentsError([{ type: 'number_not_exact', loc: ['body'], msg }]);
}

async function runOnce(call: ToolCall, lease: Lease, meta: CallMeta | undefined): Promise<ToolResult> {
  const { server, tool, signal } = call;
  const { timeoutMs, clientHeaderForwarding } = server.config;

  for (let isReplay = false; ; isReplay = true) {
    const session = await lease.open(signal);
    try {
      return await session.callTool(tool.ownName, call.arguments, {
        signal,
        deadlineMs: timeoutMs,
        hardDeadlineMs: timeoutMs * HARD_DEADLINE_FACTOR,
        argumentsText: call.exactText,
        headers: clientHeaderForwarding && forwardedHeaders(call.headers, clientHeaderForwarding),
        trace: call.trace,
        meta: meta?.fields,
      });
    } catch (error) {
      if (!(error instanceof SessionExpiredError) || isReplay) throw error;
    }
  }
}

function toTurnError(server: string, why: NoTurn): Error {
  if (why === 'left') return new CallCancelledError('The caller left while the call was waiting.');
  const whose = why === 'full-of-one' ? 'too many of your calls' : 'too many calls';
  return new ServerUnavailableError(`Server "${server}" has ${whose} waiting. Try again later.`, 1);
}
