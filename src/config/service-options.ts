import type { LogLevel, ServerType } from './spellings.ts';

/** The command line's flags, each already parsed; absent: not given. */
export interface Flags {
  readonly host?: string;
  readonly port?: number;
  readonly config?: string;
  readonly apiKey?: string;
  readonly strictAuth?: true;
  readonly allowUnauthenticated?: true;
  readonly allowWeakSecrets?: true;
  readonly corsAllowOrigins?: readonly string[];
  readonly allowedHosts?: readonly string[];
  readonly env?: ReadonlyMap<string, string>;
  readonly envPath?: string;
  readonly serverType?: ServerType;
  readonly header?: ReadonlyMap<string, string>;
  readonly name?: string;
  readonly description?: string;
  readonly version?: string;
  readonly sslCertfile?: string;
  readonly sslKeyfile?: string;
  readonly rootPath?: string;
  readonly pathPrefix?: string;
  readonly hotReload?: true;
  readonly logLevel?: LogLevel;
}

/** What to serve and how, as the command line says it; the sub-commands that read the configuration take it too. */
export interface ServiceOptions extends Flags {
  readonly env: ReadonlyMap<string, string>;
  readonly header: ReadonlyMap<string, string>;
  readonly allowedHosts: readonly string[];
  /** The words after `--`: the one server's command with its arguments, or its URL. Empty with `--config`. */
  readonly positional: readonly string[];
}
