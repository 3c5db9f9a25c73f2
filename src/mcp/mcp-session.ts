import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { JsonRpcError } from '../errors.ts';
import type { SpanAttributes } from '../telemetry/trace.ts';
import { listTools } from './list-tools.ts';
import { type PendingRequests, PING } from './pending-requests.ts';
import { isObject, type RpcObject } from './rpc-message.ts';
import type { CallOptions, ServerInfo, Session, SessionEnd, ToolList, ToolResult } from './session.ts';
import { type CarriedTrace, callTraced } from './session-trace.ts';

/** All pages of `tools/list` together may take so long, or as long as a start if that is longer. */
const LIST_TOOLS_MS = 60_000;

export interface McpSessionParts {
  readonly client: Client;
  readonly pending: PendingRequests;
  readonly transportType: Session['transportType'];
  readonly pid: number | undefined;
  readonly startTimeoutMs: number;
  /** The negotiated one. */
  readonly protocolVersion: string | undefined;
  /** Where it is reached over HTTP. */
  readonly url?: URL;
  /** Ends the transport; resolves when nothing of it is left. */
  readonly dispose: () => Promise<void>;
}

/** A session over the SDK's client, which does the handshake and answers the server's own requests. */
export class McpSession implements Session {
  readonly serverInfo: ServerInfo;
  readonly instructions: string | undefined;
  readonly transportType: Session['transportType'];
  readonly pid: number | undefined;
  readonly closed: Promise<SessionEnd>;
  readonly #parts: McpSessionParts;
  #disposal: Promise<void> | undefined;

  constructor(parts: McpSessionParts) {
    const { client, pending, transportType, pid } = parts;
    this.#parts = parts;
    this.transportType = transportType;
    this.pid = pid;
    const { name, title, version } = client.getServerVersion() ?? { name: pending.server, version: '' };
    this.serverInfo = { name, title, version };
    this.instructions = client.getInstructions();
    this.closed = pending.ended;
    void pending.idle.then(() => this.#dispose());
  }

  get lastActivityAt(): number {
    return this.#parts.pending.lastActivityAt;
  }

  get isBusy(): boolean {
    return this.#parts.pending.isBusy;
  }

  async listTools(signal: AbortSignal): Promise<ToolList> {
    const { client, pending, startTimeoutMs } = this.#parts;
    if (client.getServerCapabilities()?.tools === undefined) return { tools: [], rejected: [] };
    const giveUpAt = performance.now() + Math.max(LIST_TOOLS_MS, startTimeoutMs);
    return listTools(async (cursor) => {
      const leftMs = Math.max(1, giveUpAt - performance.now());
      const { result } = await pending.request('tools/list', cursor === undefined ? {} : { cursor }, {
        label: 'tools/list',
        signal,
        deadlineMs: Math.min(leftMs, startTimeoutMs),
        hardDeadlineMs: leftMs,
      });
      return result;
    });
  }

  callTool(name: string, args: Readonly<Record<string, unknown>>, options: CallOptions): Promise<ToolResult> {
    const { trace, headers: forwarded } = options;
    if (trace === undefined) return this.#callTool(name, args, options);
    return callTraced(trace, this.spanAttributes, { tool: name, forwarded }, (carried) =>
      this.#callTool(name, args, { ...options, ...carried, meta: { ...options.meta, ...carried.meta } }),
    );
  }

  /** What spans say of the session. */
  get spanAttributes(): SpanAttributes {
    const { client, pending, protocolVersion, url } = this.#parts;
    const isHttp = url !== undefined;
    return {
      'mcpo.server': pending.server,
      'mcp.protocol.version': protocolVersion,
      'mcp.session.id': client.transport?.sessionId,
      'network.transport': isHttp ? 'tcp' : 'pipe',
      'network.protocol.name': isHttp ? 'http' : undefined,
      'server.address': url?.hostname,
      'server.port': isHttp ? Number(url.port) || (url.protocol === 'https:' ? 443 : 80) : undefined,
    };
  }

  async #callTool(
    name: string,
    args: Readonly<Record<string, unknown>>,
    options: CallOptions & Partial<Pick<CarriedTrace, 'onId'>>,
  ): Promise<ToolResult> {
    const { argumentsText, trace: _, ...limits } = options;
    const { pending } = this.#parts;
    const { result, text } = await pending.request(
      'tools/call',
      { name, arguments: args },
      {
        ...limits,
        label: `the call of tool "${name}"`,
        toText: argumentsText === undefined ? undefined : (id) => toCallText(id, name, argumentsText, limits.meta),
      },
    );
    if (!isObject(result)) {
      const message = `Server "${pending.server}" answered the call with something that is not a result.`;
      throw new JsonRpcError(-32603, message);
    }
    return {
      content: Array.isArray(result.content) ? result.content : [],
      isError: result.isError === true,
      structuredContent: result.structuredContent,
      raw: result,
      rawText: text,
    };
  }

  onToolsChanged(listener: () => void): void {
    this.#parts.pending.onToolsChanged = listener;
  }

  async ping(timeoutMs: number): Promise<void> {
    await this.#parts.pending.request(PING, undefined, {
      label: 'a ping',
      deadlineMs: timeoutMs,
      hardDeadlineMs: timeoutMs,
    });
  }

  async close(): Promise<void> {
    this.#parts.pending.end({ reason: 'the service closed it', isClosed: true });
    await this.#dispose();
  }

  #dispose(): Promise<void> {
    this.#disposal ??= this.#parts.dispose();
    return this.#disposal;
  }
}

/** The message with the arguments as they were spelt. */
function toCallText(id: number, name: string, argumentsText: string, meta: RpcObject | undefined): string {
  const params = `{"name":${JSON.stringify(name)},"arguments":${argumentsText.replaceAll('\n', ' ').replaceAll('\r', ' ')},"_meta":${JSON.stringify({ ...meta, progressToken: id })}}`;
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`;
}
