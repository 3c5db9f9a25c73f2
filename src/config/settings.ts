import type { ServerConfig } from './server-config.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type OperationIdStyle = 'server' | 'mcpo' | 'tool';

/** Everything the service runs by, and safe to log whole: secrets are in `Secrets`. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Title, description and version of the API as a whole, as given on the command line. */
  readonly api: {
    readonly name: string | undefined;
    readonly description: string | undefined;
    readonly version: string | undefined;
  };
  /** What a proxy in front strips off: `""` or `/x`, no slash at the end. Only told in documents and links. */
  readonly rootPath: string;
  /** What stands before `<server>` in our own URLs: begins and ends with a slash. */
  readonly pathPrefix: string;
  readonly corsAllowOrigins: readonly string[];
  /** Docs and OpenAPI documents need the key too. */
  readonly strictAuth: boolean;
  readonly publicUrl: string | undefined;
  /** Where the embedded database lies; made with mode 0700 if it is not there. */
  readonly dataDir: string;
  readonly hotReload: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'pretty';
  /** The servers file, if there is one. */
  readonly configFile: string | undefined;
  /** Single-server mode: the one server's tools lie at the root. */
  readonly singleServer: boolean;
  readonly servers: readonly ServerConfig[];
  readonly operationIds: OperationIdStyle;
  readonly maxBodyBytes: number;
  readonly drainTimeMs: number;
}

export interface Secrets {
  readonly apiKey: string | undefined;
  /** Other values that must never be printed: those of `env`, `headers` and URL credentials in the servers file. */
  readonly configured: readonly string[];
}
