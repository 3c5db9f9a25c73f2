import type { ServerAccess } from '../auth/authorize.ts';
import type { Template } from '../placeholders/template.ts';

/** How the service reaches a server. `auto` is a bare `url`: streamable HTTP first, SSE if that is not spoken there. */
export type TransportConfig =
  | {
      readonly type: 'stdio';
      readonly command: Template;
      readonly args: readonly Template[];
      /** What the child process gets beside the inherited variables; `envFile` is merged in, `env` wins. */
      readonly env: ReadonlyMap<string, Template>;
      readonly cwd: string | undefined;
      /** The inherited part of the child's environment, already looked up. */
      readonly inheritedEnv: Readonly<Record<string, string>>;
      /** `undefined`: the process runs as the service does. */
      readonly confinement?: Confinement | undefined;
    }
  | {
      readonly type: 'streamable-http' | 'sse' | 'auto';
      readonly url: Template;
      readonly headers: ReadonlyMap<string, Template>;
    };

/** How the process of a server is confined. */
export interface Confinement {
  readonly runAs: RunAs | undefined;
  readonly sandbox: Sandbox | undefined;
  readonly limits: ResourceLimits | undefined;
  /** The users of `"auto"`. */
  readonly uids: { readonly first: number; readonly last: number };
  /** Where processes that are not to use the service's home get one of their own. */
  readonly homesDir: string;
  readonly serviceHome: string;
  /** The arguments without a value of a user; files and folders that they name are visible in the sandbox. */
  readonly namedPaths: readonly string[];
  readonly dataDir: string;
  /** Files and folders that are hidden in every sandbox, such as the servers file. */
  readonly privatePaths: ReadonlySet<string>;
}

/** `auto`: a user of the server's own, chosen by the service. */
export type RunAs = 'auto' | { readonly uid: number; readonly gid: number };

export interface Sandbox {
  readonly network: boolean;
  /** Absolute paths, seen in addition. */
  readonly readOnly: readonly string[];
  readonly writable: readonly string[];
}

export interface ResourceLimits {
  readonly memoryMb?: number | undefined;
  readonly cpuSeconds?: number | undefined;
  readonly processes?: number | undefined;
  readonly files?: number | undefined;
}

export type Isolation = 'shared' | 'user' | 'chat';

export type ResultImages = 'data' | 'url';

/** One configured server, every key resolved to a value. */
export interface ServerConfig {
  readonly name: string;
  readonly transport: TransportConfig;
  readonly isolation: Isolation;
  /** `/readyz` answers 503 until this server is ready. */
  readonly required: boolean;
  /** With composed letters (NFC), as in `enabledTools`. */
  readonly disabledTools: ReadonlySet<string>;
  /** `undefined`: all tools but the disabled ones. */
  readonly enabledTools: ReadonlySet<string> | undefined;
  readonly startTimeoutMs: number;
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxConcurrency: number;
  /** Calls of one user or key at once; `undefined`: all but a quarter of `maxConcurrency`. */
  readonly maxConcurrencyPerUser?: number | undefined;
  readonly maxSessions: number;
  readonly maxResultBytes: number;
  /** The HTTP status for a tool's own `isError`. */
  readonly toolErrorStatus: number;
  /** How a result contains images and audio: as `data:` URIs, or as URLs of files that are stored for a while. */
  readonly resultImages: ResultImages;
  readonly clientHeaderForwarding: ClientHeaderForwarding | undefined;
  /** Who may use it; `undefined`: everyone whose scopes allow it. */
  readonly access: ServerAccess | undefined;
  /** What each user can or must fill in, by name. */
  readonly userVars: ReadonlyMap<string, UserVariable>;
  /**
   * Values of user variables with which the service itself lists the tools of a server that has a session for each
   * user, never used for a call; `undefined`: the tools are known once a user's session is open.
   */
  readonly discovery?: ReadonlyMap<string, string> | undefined;
  /** A url with a user's value in it may lead to a private address. */
  readonly allowPrivateAddresses?: boolean | undefined;
  /** Values of users are put into the url as they are, and not percent-encoded. */
  readonly rawUrlPlaceholders?: boolean | undefined;
  /** Hosts to which the url may lead, as `isAllowedHost` reads them; `undefined`: the host is the admin's own text. */
  readonly allowedHosts?: readonly string[] | undefined;
}

/** A value that the admin declares and each user fills in. */
export interface UserVariable {
  readonly title: string;
  readonly description: string | undefined;
  /** Unset and without a default: the call is refused. Otherwise what names it is left out. */
  readonly required: boolean;
  /** Shown as a password field and never given back. */
  readonly sensitive: boolean;
  readonly default: string | undefined;
  /** The only values allowed. */
  readonly choices: readonly { readonly value: string; readonly label: string }[] | undefined;
  /** A regular expression with the `u` flag that the whole value must match. */
  readonly pattern: string | undefined;
  readonly helpUrl: string | undefined;
}

/** Which of the caller's headers an HTTP transport passes on to the server; lower-case names, `*` at the end matches a prefix. */
export interface ClientHeaderForwarding {
  readonly whitelist: readonly string[];
  readonly blacklist: readonly string[];
}
