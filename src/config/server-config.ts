import type { Template } from '../placeholders/template.ts';
import type { Confinement } from './confinement.ts';
import type { ServerSettings } from './server-schema.ts';
import type { UserVariable } from './user-variables.ts';

export type { Confinement, ResourceLimits, Sandbox } from './confinement.ts';
export type { UserVariable } from './user-variables.ts';

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
      /** Names of the service's variables that the child does not get, for messages; none of the service's own. */
      readonly withheld: readonly string[];
      /** `undefined`: the process runs as the service does. */
      readonly confinement?: Confinement | undefined;
    }
  | {
      readonly type: 'streamable-http' | 'sse' | 'auto';
      readonly url: Template;
      readonly headers: ReadonlyMap<string, Template>;
    };

export type Isolation = 'shared' | 'user' | 'chat';

/** One configured server, every key resolved to a value. */
export interface ServerConfig extends ServerSettings {
  readonly name: string;
  readonly startTimeoutMs: number;
  readonly maxConcurrency: number;
  readonly transport: TransportConfig;
  readonly isolation: Isolation;
  /** What `params._meta` of each call has, resolved for its caller. */
  readonly callMeta: ReadonlyMap<string, Template>;
  readonly clientHeaderForwarding: ClientHeaderForwarding | undefined;
  /** What each user can or must fill in, by name. */
  readonly userVars: ReadonlyMap<string, UserVariable>;
  /**
   * Values of user variables with which the service itself lists the tools of a server that has a session for each
   * user, never used for a call; `undefined`: the tools are known once a user's session is open.
   */
  readonly discovery: ReadonlyMap<string, string> | undefined;
  /** References whose values its sessions need and that could not be read; `undefined`: it has all of them. */
  readonly unresolved?: readonly UnresolvedReference[] | undefined;
}

/** A reference to a secret that is kept elsewhere, without `${` and `}`, and why it has no value. */
export interface UnresolvedReference {
  readonly reference: string;
  readonly reason: string;
}

/** Which of the caller's headers an HTTP transport passes on to the server; lower-case names, `*` at the end matches a prefix. */
export interface ClientHeaderForwarding {
  readonly whitelist: readonly string[];
  readonly blacklist: readonly string[];
}
