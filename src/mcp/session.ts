import type { LookupFunction } from 'node:net';
import type { Confinement } from '../config/server-config.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Redact } from '../telemetry/redactor.ts';
import type { Trace, Tracing } from '../telemetry/trace.ts';

/** JSON Schema as a server sent it: an object or a boolean, otherwise unjudged. */
export type JsonSchema = Readonly<Record<string, unknown>> | boolean;

/** A tool as its server describes it; all of it is untrusted. */
export interface ToolDefinition {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: JsonSchema;
  readonly outputSchema?: JsonSchema | undefined;
  readonly annotations?: Readonly<Record<string, unknown>> | undefined;
}

/** All pages of `tools/list`, judged tool by tool: one that is malformed is left out and named. */
export interface ToolList {
  readonly tools: readonly ToolDefinition[];
  readonly rejected: readonly RejectedTool[];
}

export interface RejectedTool {
  readonly name: string;
  readonly reason: string;
}

export interface ServerInfo {
  readonly name: string;
  readonly title?: string | undefined;
  readonly version: string;
}

/** A `CallToolResult` (MCP schema) as it came, with its JSON text where parsing would have changed a number's digits. */
export interface ToolResult {
  readonly content: readonly unknown[];
  readonly structuredContent?: unknown;
  readonly isError: boolean;
  /** The whole result, parsed. */
  readonly raw: Readonly<Record<string, unknown>>;
  /** The whole result's JSON text; only given when `JSON.stringify(raw)` would not have the same digits. */
  readonly rawText?: string | undefined;
}

export interface CallOptions {
  /** Aborted when the caller leaves: the cancel notification is sent and the call rejects with `CallCancelledError`. */
  readonly signal: AbortSignal;
  /** Milliseconds from now, or from the last progress notification, until `DeadlineError`. */
  readonly deadlineMs: number;
  /** Milliseconds from now after which progress no longer helps. */
  readonly hardDeadlineMs: number;
  /** Headers of this call only, for HTTP transports; stdio ignores them. The server's own headers win over them. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The arguments as JSON text, sent in place of `args` where parsing would have changed a number's digits. */
  readonly argumentsText?: string | undefined;
  /** The trace that the call is a part of, which the server gets in `_meta`, and over HTTP also in headers. */
  readonly trace?: Trace | undefined;
  /** Further entries of `_meta`. */
  readonly meta?: Readonly<Record<string, string>> | undefined;
}

/** Why a session ended. */
export interface SessionEnd {
  /** Public: a sentence of ours. */
  readonly reason: string;
  /** For admins only: what the server or its process said, without secrets. */
  readonly detail?: string | undefined;
  /** The service itself has closed it. */
  readonly isClosed?: boolean | undefined;
  /** The server is there and has just forgotten the session: no failure, a new one will do. */
  readonly isForgotten?: boolean | undefined;
}

/** How to reach a server for one owner: every placeholder resolved. */
export type SessionSettings =
  | {
      readonly type: 'stdio';
      readonly command: string;
      readonly args: readonly string[];
      /** The child's whole environment. */
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string | undefined;
      /** Names of variables that are set for the service and are not in `env`. */
      readonly withheld?: readonly string[] | undefined;
      readonly confinement?: Confinement | undefined;
      /** The session is one user's or one chat's, and shares nothing with the server's other ones. */
      readonly isOwned?: boolean | undefined;
    }
  | {
      readonly type: 'streamable-http' | 'sse' | 'auto';
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
      /**
       * Headers whose values change while the session lives: asked for at every exchange, winning over `headers`, and no
       * part of what names the session. What it throws fails that exchange.
       */
      readonly volatileHeaders?: (() => Readonly<Record<string, string>>) | undefined;
      /**
       * For a url with a user's value in it: connections to addresses that are not public are refused. A host that is
       * written as an address or as `localhost` is the admin's own choice; link-local addresses are refused all the same.
       */
      readonly refusesPrivateAddresses?: boolean | undefined;
    };

export interface OpenSessionOptions {
  /** The server's name, for messages. */
  readonly server: string;
  readonly settings: SessionSettings;
  readonly startTimeoutMs: number;
  readonly maxResultBytes: number;
  /** Aborts the opening; no process or connection is left. */
  readonly signal: AbortSignal;
  /** Takes the admin's secrets and those of the session's owner out of what the server says. */
  readonly redact: Redact;
  /** Called with each complete line of the child's stderr, bounded in length, without secrets. */
  readonly onStderrLine?: (line: string) => void;
  readonly logger: SessionLogger;
  /** Resolves host names in place of node's own, for HTTP transports. */
  readonly lookup?: LookupFunction | undefined;
  /** How long a call waits for a remote server that cannot be reached just now, in milliseconds. */
  readonly reachWaitMs?: number | undefined;
  /** Records how the session is opened, as a part of `trace` if it is opened for a call. */
  readonly tracing?: Tracing | undefined;
  readonly trace?: Pick<Trace, 'context'> | undefined;
}

/** The part of the logger that a session needs. */
export type SessionLogger = Pick<Logger, 'debug' | 'warn'>;

/** One live MCP connection. The only door of `mcp/`; another client can stand behind it. */
export interface Session {
  readonly serverInfo: ServerInfo;
  readonly instructions: string | undefined;
  /** What is really spoken, once `auto` was settled. */
  readonly transportType: 'stdio' | 'streamable-http' | 'sse';
  /** The child process, if there is one. */
  readonly pid: number | undefined;
  /** Resolves, never rejects, once the session is over for whatever reason. */
  readonly closed: Promise<SessionEnd>;
  /** When anything but a ping was last sent, or anything at all came, on the clock of `performance.now()`. */
  readonly lastActivityAt: number;
  /** Something other than a ping has no answer yet. */
  readonly isBusy: boolean;
  /** Reads all pages. Throws `ServiceError`s only. */
  listTools(signal: AbortSignal): Promise<ToolList>;
  /**
   * Calls a tool. Throws `JsonRpcError`, `ConnectionLostError`, `DeadlineError`, `CallCancelledError`,
   * `ResultTooLargeError`, and where the call did not run `SessionExpiredError` (after `closed`, so that a new session
   * is on its way), `CredentialsRefusedError`, `ServerUnavailableError` (HTTP 429 or 503, or out of reach for too
   * long); a tool's own `isError` is a result.
   */
  callTool(name: string, args: Readonly<Record<string, unknown>>, options: CallOptions): Promise<ToolResult>;
  /** `notifications/tools/list_changed`; only the last listener is called. */
  onToolsChanged(listener: () => void): void;
  /**
   * Asks for a sign of life. Throws the errors of `callTool`; a `JsonRpcError` is one too, and where HTTP is spoken any
   * answer that is none of the others comes as that.
   */
  ping(timeoutMs: number): Promise<void>;
  /** Ends the session and, for stdio, the whole process group; resolves when nothing is left. Idempotent. */
  close(): Promise<void>;
}
