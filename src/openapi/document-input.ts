import type { OperationIdStyle } from '../config/settings.ts';
import type { ServerInfo, ToolDefinition } from '../mcp/session.ts';
import type { NamedServer } from './operation-id.ts';

/** One server's part of a document. */
export interface DocumentServer {
  readonly name: string;
  /** The admin's own; wins over `serverInfo`. */
  readonly title?: string | undefined;
  readonly serverInfo: ServerInfo | undefined;
  readonly instructions: string | undefined;
  readonly tools: readonly ToolDefinition[];
  /** Calls can be refused for values that the user has not set. */
  readonly hasUserVariables?: boolean | undefined;
  /** Whose session its tools are waited for: any user's, or an admin's. Its one tool is the one that connects then. */
  readonly awaitedSource?: 'user' | 'admin' | undefined;
  /** The status of this server's own tool errors, where it is not the document's. */
  readonly toolErrorStatus?: number | undefined;
}

/** `portable`: inline schemas that break no client. `exact`: the untouched ones, with components and references. */
export type SchemaForm = 'portable' | 'exact';

/** Everything an OpenAPI document is made from; the same input always gives the same document. */
export interface DocumentInput {
  readonly servers: readonly DocumentServer[];
  /** Every configured server with the tools known of it, for ids that are unique over all; default: `servers`. */
  readonly allServers?: readonly NamedServer[] | undefined;
  /** A document of one server has its paths at `/<tool>`; the document of all has `/<server>/<tool>`. */
  readonly scope: 'server' | 'all';
  /** `servers[0].url`: where the paths begin, e.g. `/time` or `/`. */
  readonly baseUrl: string;
  /** Wins over `serverInfo`. */
  readonly api: {
    readonly name: string | undefined;
    readonly description: string | undefined;
    readonly version: string | undefined;
  };
  readonly operationIds: OperationIdStyle;
  /** Single-server mode: operation ids have no server in front. */
  readonly singleServer: boolean;
  /** Declares the bearer security scheme. */
  readonly hasAuthentication: boolean;
  readonly toolErrorStatus: number;
  /** Default: `portable`. */
  readonly schemas?: SchemaForm | undefined;
}
