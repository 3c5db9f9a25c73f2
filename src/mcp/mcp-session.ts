import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { JsonRpcError } from '../errors.ts';
import { listTools } from './list-tools.ts';
import { type PendingRequests, PING } from './pending-requests.ts';
import { isObject } from './rpc-message.ts';
import type { CallOptions, ServerInfo, Session, SessionEnd, ToolList, ToolResult } from './session.ts';
import { lostConnection } from './upstream-error.ts';

/** All pages of `tools/list` together may take so long, or as long as a start if that is longer. */
const LIST_TOOLS_MS = 60_000;

export interface McpSessionParts {
  readonly server: string;
  readonly client: Client;
  readonly pending: PendingRequests;
  readonly transportType: Session['transportType'];
  readonly pid: number | undefined;
  readonly startTimeoutMs: number;
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
  #onToolsChanged: () => void = () => {};
  readonly #resolveClosed: (end: SessionEnd) => void;
  #disposal: Promise<void> | undefined;

  constructor(parts: McpSessionParts) {
    this.#parts = parts;
    this.transportType = parts.transportType;
    this.pid = parts.pid;
    const { name, title, version } = parts.client.getServerVersion() ?? { name: parts.server, version: '' };
    this.serverInfo = { name, title, version };
    this.instructions = parts.client.getInstructions();
    let resolveClosed: (end: SessionEnd) => void = () => {};
    this.closed = new Promise((resolve) => {
      resolveClosed = resolve;
    });
    this.#resolveClosed = resolveClosed;
  }

  get lastActivityAt(): number {
    return this.#parts.pending.lastActivityAt;
  }

  get isBusy(): boolean {
    return this.#parts.pending.isBusy;
  }

  async listTools(signal: AbortSignal): Promise<ToolList> {
    if (this.#parts.client.getServerCapabilities()?.tools === undefined) return { tools: [], rejected: [] };
    const giveUpAt = performance.now() + Math.max(LIST_TOOLS_MS, this.#parts.startTimeoutMs);
    return listTools(async (cursor) => {
      const leftMs = Math.max(1, giveUpAt - performance.now());
      const { result } = await this.#parts.pending.request('tools/list', cursor === undefined ? {} : { cursor }, {
        label: 'tools/list',
        signal,
        deadlineMs: Math.min(leftMs, this.#parts.startTimeoutMs),
        hardDeadlineMs: leftMs,
      });
      return result;
    });
  }

  async callTool(name: string, args: Readonly<Record<string, unknown>>, options: CallOptions): Promise<ToolResult> {
    const { argumentsText, ...limits } = options;
    const { result, text } = await this.#parts.pending.request(
      'tools/call',
      { name, arguments: args },
      {
        ...limits,
        label: `the call of tool "${name}"`,
        toText: argumentsText === undefined ? undefined : (id) => toCallText(id, name, argumentsText),
      },
    );
    if (!isObject(result)) {
      throw new JsonRpcError(
        -32603,
        `Server "${this.#parts.server}" answered the call with something that is not a result.`,
      );
    }
    return {
      content: Array.isArray(result.content) ? result.content : [],
      isError: result.isError === true,
      raw: result,
      ...('structuredContent' in result ? { structuredContent: result.structuredContent } : {}),
      ...(text === undefined ? {} : { rawText: text }),
    };
  }

  onToolsChanged(listener: () => void): void {
    this.#onToolsChanged = listener;
  }

  announceToolsChanged(): void {
    this.#onToolsChanged();
  }

  async ping(timeoutMs: number): Promise<void> {
    await this.#parts.pending.request(PING, undefined, {
      label: 'a ping',
      deadlineMs: timeoutMs,
      hardDeadlineMs: timeoutMs,
    });
  }

  /** The connection is gone, and with it every answer that was still to come. */
  lose(end: SessionEnd): void {
    const { reason } = end;
    this.#resolveClosed(end);
    this.#parts.pending.end(reason, (method) => lostConnection(this.#parts.server, reason, method));
    void this.#dispose();
  }

  /** Nothing more can be asked on it: no new requests; those that are still answered are waited for. */
  expire(end: SessionEnd): void {
    const { reason } = end;
    this.#resolveClosed(end);
    this.#parts.pending.refuse(reason, () => void this.#dispose());
  }

  async close(): Promise<void> {
    this.#resolveClosed({ reason: 'it was closed' });
    this.#parts.pending.end('it was closed', (method) => lostConnection(this.#parts.server, 'it was closed', method));
    await this.#dispose();
  }

  #dispose(): Promise<void> {
    this.#disposal ??= this.#parts.dispose();
    return this.#disposal;
  }
}

/** The message with the arguments as they were spelt. */
function toCallText(id: number, name: string, argumentsText: string): string {
  const params = `{"name":${JSON.stringify(name)},"arguments":${argumentsText.replaceAll('\n', ' ').replaceAll('\r', ' ')},"_meta":{"progressToken":${id}}}`;
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`;
}
