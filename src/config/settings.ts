import type { AuthSettings } from '../auth/auth-settings.ts';
import type { Rate } from './rate.ts';
import type { ServerConfig } from './server-config.ts';
import type { LogLevel } from './spellings.ts';
import type { TrustProxy } from './trust-proxy.ts';

export type OperationIdStyle = 'server' | 'mcpo' | 'tool';

/** The whole configuration except its secrets, so it can be logged. */
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
  /** The path that a proxy in front strips off: `""` or `/x`, no slash at the end. Only used in documents and links. */
  readonly rootPath: string;
  /** The path before `<server>` in our own URLs: begins and ends with a slash. */
  readonly pathPrefix: string;
  /** `undefined`: not given; then every origin with authentication, and none without. */
  readonly corsAllowOrigins: readonly string[] | undefined;
  /** Further hosts under which the service is reached. */
  readonly allowedHosts: readonly string[];
  /** Docs and OpenAPI documents need the key too. */
  readonly strictAuth: boolean;
  readonly publicUrl: string | undefined;
  /** The folder of the embedded database; created with mode 0700 if it does not exist. */
  readonly dataDir: string;
  /** What the vault stores beside the secrets themselves. */
  readonly vault: { readonly keepsLastFour: boolean };
  /** Caps on the sessions of users, over all servers. */
  readonly sessions: { readonly maxSessions: number; readonly maxSessionsPerUser: number };
  readonly trustProxy: TrustProxy;
  readonly rateLimit: { readonly calls: Rate | 'off'; readonly authFailures: Rate | 'off' };
  readonly audit: {
    readonly file: string | undefined;
    readonly required: boolean;
    readonly pseudonymise: boolean;
    readonly retentionDays: number | undefined;
  };
  /** Callers must present a key or token; keys in the database may require that later. */
  readonly hasAuthentication: boolean;
  readonly hotReload: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'pretty';
  /** The servers file, if there is one. */
  readonly configFile: string | undefined;
  /** Single-server mode: the one server's tools are at the root. */
  readonly singleServer: boolean;
  readonly servers: readonly ServerConfig[];
  readonly operationIds: OperationIdStyle;
  readonly maxBodyBytes: number;
  /** Of all request bodies in memory at once. */
  readonly maxBodiesBytes: number;
  /** Open connections: in all, and from one address that is not a trusted proxy. */
  readonly connections: { readonly max: number; readonly maxPerAddress: number };
  readonly drainTimeMs: number;
}

export interface Secrets {
  readonly auth: AuthSettings;
  /** 32 bytes as base64; `undefined`: created once in the data folder. */
  readonly auditKey: string | undefined;
  readonly vaultKey: VaultKeySettings;
  /** PostgreSQL in place of the embedded database. */
  readonly databaseUrl: string | undefined;
  /** Redis, where the limits of all replicas are counted. */
  readonly redisUrl: string | undefined;
  /** Other values that must never be printed: those of `env`, `headers` and URL credentials in the servers file. */
  readonly configured: readonly string[];
}

/** The vault's key-encryption keys: 32 bytes as base64 each, separated by commas; or the file that contains them. */
export interface VaultKeySettings {
  readonly value: string | undefined;
  /** Read by the vault itself, which checks its permissions. */
  readonly file: string | undefined;
}
