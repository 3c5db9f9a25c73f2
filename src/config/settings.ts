import { closeSync, openSync } from 'node:fs';
import type { AuthSettings } from '../auth/auth-settings.ts';
import { ConfigError, type ConfigProblem, UsageError } from '../errors.ts';
import type { Environment } from './environment.ts';
import { authSecrets } from './resolve-auth.ts';
import { toSecretSources } from './resolve-secret-sources.ts';
import { decoded } from './secret-variables.ts';
import type { LoadedServers } from './servers-file.ts';
import type { ServiceOptions } from './service-options.ts';
import { toTracingSettings, tracingHeaders, tracingSecrets } from './tracing.ts';
import { TRUST_NONE } from './trust-proxy.ts';

/** With which secrets are read from AWS. */
const AWS_SECRETS = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

/** The whole configuration except its secrets, so it can be logged. */
export type Settings = Readonly<ReturnType<typeof toSettings>>;
export type OperationIdStyle = Settings['operationIds'];
export type Secrets = Readonly<ReturnType<typeof toSecrets>>;

/**
 * Each setting from its flag, its variable or the servers file, in this order. Throws `UsageError` for a host that would
 * be open to everyone, `ConfigError` for TLS files that cannot be read.
 */
export function toSettings(
  options: ServiceOptions,
  environment: Environment,
  file: LoadedServers,
  hasAuthentication: boolean,
) {
  const { values, database, terminal } = environment;
  const { rateLimit, audit, vault } = file;
  const configFile = options.config;
  const ownHosts: readonly string[] = [
    ...options.allowedHosts,
    ...(values.MCPO_ALLOWED_HOSTS ?? []),
    ...file.auth.allowedHosts,
  ];
  return {
    host: resolveHost(options, hasAuthentication),
    port: options.port ?? 8000,
    tls: resolveTls(options),
    /** Title, description and version of the API as a whole, as given on the command line. */
    api: { name: options.name, description: options.description, version: options.version },
    /** The path that a proxy in front strips off: `""` or `/x`, no slash at the end. Only used in documents and links. */
    rootPath: withSlashes(options.rootPath ?? '').slice(0, -1),
    /** The path before `<server>` in our own URLs: begins and ends with a slash. */
    pathPrefix: withSlashes(options.pathPrefix ?? ''),
    /** `undefined`: not given; then every origin with authentication, and none without. */
    corsAllowOrigins: options.corsAllowOrigins,
    /** Further hosts under which the service is reached. */
    allowedHosts: ownHosts,
    /** Docs and OpenAPI documents need the key too. */
    strictAuth: options.strictAuth === true,
    publicUrl: values.MCPO_PUBLIC_URL,
    /** Where users reach Open WebUI, without a slash at the end. */
    openWebUiPublicUrl: values.MCPO_OPENWEBUI_PUBLIC_URL,
    /** The folder of the embedded database; created with mode 0700 if it does not exist. */
    dataDir: database.dataDir,
    /** What the vault stores beside the secrets themselves. */
    vault: { keepsLastFour: values.MCPO_VAULT_LAST_FOUR ?? vault.lastFour ?? false },
    /** Caps on the sessions of users, over all servers. */
    sessions: {
      maxSessions: values.MCPO_MAX_SESSIONS ?? vault.maxSessions ?? 1_000,
      maxSessionsPerUser: values.MCPO_MAX_SESSIONS_PER_USER ?? vault.maxSessionsPerUser ?? 20,
      /** What the service and its servers may use; `undefined`: the container's limit, or the machine's memory. */
      maxMemoryMb: values.MCPO_MAX_MEMORY_MB,
    },
    trustProxy: values.MCPO_TRUST_PROXY ?? TRUST_NONE,
    rateLimit: {
      calls: values.MCPO_RATE_LIMIT ?? rateLimit.calls ?? { limit: 6_000, windowMs: 60_000 },
      authFailures: values.MCPO_AUTH_FAILURE_LIMIT ?? rateLimit.authFailures ?? { limit: 60, windowMs: 60_000 },
    },
    audit: { ...audit, file: values.SECURITY_LOG_FILE, retentionDays: audit.retentionDays },
    /** Callers must present a key or token; keys in the database may require that later. */
    hasAuthentication,
    hotReload: options.hotReload === true,
    /** What admins may add to the servers file at `/admin`. */
    adminEdits: values.MCPO_ADMIN_EDITS ?? 'off',
    logLevel: options.logLevel ?? values.LOG_LEVEL ?? 'info',
    logFormat: terminal.formats.error,
    /** Of what a start prints. */
    outputFormat: terminal.formats.out,
    /** One log line for each request. */
    accessLog: values.MCPO_ACCESS_LOG ?? true,
    /** The servers file, if there is one. */
    configFile,
    /** The one server's tools are at the root. */
    singleServer: configFile === undefined,
    servers: file.servers,
    operationIds: file.operationIds,
    maxBodyBytes: 10 * 1024 * 1024,
    /** Of all request bodies in memory at once. */
    maxBodiesBytes: 256 * 1024 * 1024,
    /** Open connections: in all, and from one address that is not a trusted proxy. */
    connections: {
      max: values.MCPO_MAX_CONNECTIONS ?? 8_192,
      maxPerAddress: values.MCPO_MAX_CONNECTIONS_PER_ADDRESS ?? 2_048,
    },
    /** After the signal to end, calls are still accepted for so long, though the service is not ready any more. */
    preStopMs: (values.MCPO_PRE_STOP_SECONDS ?? 0) * 1_000,
    /** After that, how long running calls may take. Also those of a server that is removed. */
    drainTimeMs: (values.MCPO_DRAIN_SECONDS ?? 10) * 1_000,
    /** Where the metrics are alone; `undefined`: on the port of the tools. */
    metrics: resolveMetrics(values),
    /** Where traces are sent; `undefined`: none are recorded. */
    tracing: toTracingSettings(environment),
    /** What error reports to Sentry name. */
    sentry: { environment: values.SENTRY_ENVIRONMENT ?? 'production', release: values.SENTRY_RELEASE },
  };
}

export function toSecrets(environment: Environment, file: LoadedServers, auth: AuthSettings) {
  const { secrets } = environment;
  return {
    auth,
    /** 32 bytes as base64; `undefined`: created once in the data folder. */
    auditKey: secrets.MCPO_AUDIT_KEY,
    vaultKey: vaultKeyOf(environment),
    /** PostgreSQL in place of the embedded database. */
    databaseUrl: secrets.MCPO_DATABASE_URL,
    /** Redis, where the limits of all replicas are counted. */
    redisUrl: secrets.MCPO_REDIS_URL,
    /** Headers of requests to the collector of traces. */
    tracingHeaders: tracingHeaders(environment),
    /** Where errors are reported; `undefined`: nowhere. */
    sentryDsn: secrets.SENTRY_DSN,
    /** Everything that must never be printed. */
    configured: [...authSecrets(auth), ...ownSecrets(environment), ...file.secrets],
  };
}

/**
 * The vault's key-encryption keys: 32 bytes as base64 each, separated by commas; or the file that contains them, which
 * the vault itself reads, as it checks its permissions. A key that a KMS has wrapped stands in place of the key itself.
 */
export function vaultKeyOf(environment: Pick<Environment, 'values' | 'secrets' | 'variables'>) {
  const { MCPO_VAULT_KEY: value, MCPO_VAULT_KEY_FILE: file, MCPO_VAULT_KMS: kms } = environment.values;
  return { value, file, kms, sources: toSecretSources(environment) };
}

function resolveHost(options: ServiceOptions, hasAuthentication: boolean): string {
  const isOpenToAll = hasAuthentication && !options.allowWeakSecrets;
  // Written as in a URL, an IPv6 address has brackets, which no socket takes.
  const host = options.host?.replace(/^\[(.*)\]$/, '$1') ?? (isOpenToAll ? '0.0.0.0' : '127.0.0.1');
  if (options.allowWeakSecrets && !LOOPBACK.test(host)) {
    throw new UsageError(
      `--allow-weak-secrets works on 127.0.0.1 only, and --host is ${host}; set strong secrets, such as "openssl rand -hex 32" prints, and remove the flag.`,
    );
  }
  if (hasAuthentication || options.allowUnauthenticated || LOOPBACK.test(host)) return host;
  throw new UsageError(
    `--host ${host} without an API key would let anyone who can reach it use every tool; set MCPO_API_KEY, or add --allow-unauthenticated if that is intended.`,
  );
}

function resolveMetrics({ MCPO_METRICS_PORT: port, MCPO_METRICS_HOST: host = '127.0.0.1' }: Environment['values']) {
  return port === undefined ? undefined : { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}

/** The vault's keys and the passwords of the database and of Redis, which no output may contain. */
function ownSecrets({ values, secrets, variables }: Environment): readonly string[] {
  const keys = values.MCPO_VAULT_KEY?.split(',').map((key) => key.trim()) ?? [];
  const urls = [secrets.MCPO_DATABASE_URL, secrets.MCPO_REDIS_URL].flatMap((url) => {
    if (url === undefined) return [];
    const { password } = new URL(url);
    return [url, password, decoded(password) ?? ''];
  });
  const { MCPO_AUDIT_KEY, MCPO_BACKUP_PASSPHRASE, MCPO_BACKUP_IDENTITY, VAULT_TOKEN, VAULT_SECRET_ID } = secrets;
  const own = [MCPO_AUDIT_KEY, MCPO_BACKUP_PASSPHRASE, MCPO_BACKUP_IDENTITY, VAULT_TOKEN, VAULT_SECRET_ID];
  const others = [...own, ...AWS_SECRETS.map((name) => variables.get(name))];
  return [...keys, ...others, ...urls, ...tracingSecrets({ secrets })].flatMap((secret) => secret || []);
}

function resolveTls({ sslCertfile: certFile, sslKeyfile: keyFile }: ServiceOptions) {
  if (certFile === undefined || keyFile === undefined) return undefined;
  const problems: ConfigProblem[] = [];
  for (const [key, file] of [
    ['--ssl-certfile', certFile],
    ['--ssl-keyfile', keyFile],
  ] as const) {
    try {
      closeSync(openSync(file, 'r'));
    } catch {
      problems.push({ key, message: `the file "${file}" does not exist or may not be read by this user.` });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { certFile, keyFile };
}

/** `tools`, `/tools` and `//tools//` alike become `/tools/`; nothing becomes `/`. */
function withSlashes(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '');
  return segments.length === 0 ? '/' : `/${segments.join('/')}/`;
}
