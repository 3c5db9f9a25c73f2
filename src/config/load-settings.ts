import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError, type ConfigProblem, UsageError } from '../errors.ts';
import { ambiguousUserWarnings } from './ambiguous-users.ts';
import type { AuthFile } from './auth-schema.ts';
import { ConfiguredSecrets } from './configured-secrets.ts';
import { commonConfinement } from './confinement.ts';
import type { Environment } from './environment.ts';
import { isOwnVariable } from './environment-variables.ts';
import { authSecrets, type GivenApiKey, hasAuthentication, resolveAuth } from './resolve-auth.ts';
import { decoded } from './secret-variables.ts';
import type { ChildContext } from './server-context.ts';
import { fileSchema, readServersFile, type ServersFile } from './servers-file.ts';
import type { ServiceOptions } from './service-options.ts';
import type { Secrets, Settings } from './settings.ts';
import { singleServer } from './single-server.ts';
import { TRUST_NONE } from './trust-proxy.ts';

export interface LoadedSettings {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly warnings: readonly ConfigProblem[];
  /** `auth` of the servers file. */
  readonly authFile: AuthFile;
}

/** The servers file with the values in it, and in `--env` and `--env-path`, that must never be printed. */
interface LoadedServers extends ServersFile {
  readonly secrets: readonly string[];
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

/**
 * Combines flags, environment and servers file; a flag wins over the environment. `hasStoredKeys`: the database has
 * API keys, which count as authentication. `onRead` is called with each file just before it is read.
 * Throws `UsageError` for flags that contradict each other, `ConfigError` for files and variables that cannot be used.
 */
export function loadSettings(
  options: ServiceOptions,
  environment: Environment,
  hasStoredKeys = false,
  onRead?: (file: string) => void,
): LoadedSettings {
  const { values, secrets: own, database } = environment;
  const file = loadServers(options, environment, onRead);
  const { rateLimit, audit, vault } = file;
  const allowsWeakSecrets = options.allowWeakSecrets === true;
  const auth = resolveAuth(file.auth, environment, { apiKey: resolveApiKey(options, environment), allowsWeakSecrets });
  const isRequired = hasStoredKeys || hasAuthentication(auth);
  if (options.strictAuth && !isRequired) {
    throw new UsageError(
      '--strict-auth needs credentials to check: set MCPO_API_KEY, create a key with "mcpo-ts key create", or set JWT_SECRET or JWT_ISSUER.',
    );
  }
  if (audit.required && values.SECURITY_LOG_FILE === undefined) {
    // Otherwise it would only be noticed when the log is needed.
    const message = 'is true, and there is no file for the audit log: set SECURITY_LOG_FILE.';
    throw new ConfigError([{ file: options.config, key: 'audit.required', message }]);
  }

  return {
    settings: {
      host: resolveHost(options, isRequired),
      port: options.port ?? 8000,
      tls: resolveTls(options),
      api: { name: options.name, description: options.description, version: options.version },
      rootPath: withSlashes(options.rootPath ?? '').slice(0, -1),
      pathPrefix: withSlashes(options.pathPrefix ?? ''),
      corsAllowOrigins: options.corsAllowOrigins,
      allowedHosts: [...options.allowedHosts, ...(values.MCPO_ALLOWED_HOSTS ?? []), ...file.auth.allowedHosts],
      strictAuth: options.strictAuth === true,
      publicUrl: values.MCPO_PUBLIC_URL,
      dataDir: database.dataDir,
      vault: { keepsLastFour: values.MCPO_VAULT_LAST_FOUR ?? vault.lastFour ?? false },
      sessions: {
        maxSessions: values.MCPO_MAX_SESSIONS ?? vault.maxSessions ?? 1_000,
        maxSessionsPerUser: values.MCPO_MAX_SESSIONS_PER_USER ?? vault.maxSessionsPerUser ?? 20,
      },
      trustProxy: values.MCPO_TRUST_PROXY ?? TRUST_NONE,
      rateLimit: {
        calls: values.MCPO_RATE_LIMIT ?? rateLimit.calls ?? { limit: 6_000, windowMs: 60_000 },
        authFailures: values.MCPO_AUTH_FAILURE_LIMIT ?? rateLimit.authFailures ?? { limit: 60, windowMs: 60_000 },
      },
      audit: { ...audit, file: values.SECURITY_LOG_FILE, retentionDays: audit.retentionDays },
      hasAuthentication: isRequired,
      hotReload: options.hotReload === true,
      logLevel: options.logLevel ?? values.LOG_LEVEL ?? 'info',
      logFormat: values.LOG_FORMAT ?? (environment.isTerminal ? 'pretty' : 'json'),
      configFile: options.config,
      singleServer: options.config === undefined,
      servers: file.servers,
      operationIds: file.operationIds,
      maxBodyBytes: 10 * 1024 * 1024,
      maxBodiesBytes: 256 * 1024 * 1024,
      connections: {
        max: values.MCPO_MAX_CONNECTIONS ?? 8_192,
        maxPerAddress: values.MCPO_MAX_CONNECTIONS_PER_ADDRESS ?? 2_048,
      },
      drainTimeMs: 10_000,
    },
    secrets: {
      auth,
      auditKey: own.MCPO_AUDIT_KEY,
      vaultKey: vaultKeyOf(environment),
      databaseUrl: database.databaseUrl,
      redisUrl: own.MCPO_REDIS_URL,
      configured: [...authSecrets(auth), ...ownSecrets(environment), ...file.secrets],
    },
    authFile: file.auth,
    warnings: [
      ...file.warnings,
      ...ambiguousUserWarnings(file.servers, auth),
      ...(allowsWeakSecrets ? [{ key: '--allow-weak-secrets', message: 'weak keys and secrets are accepted.' }] : []),
    ],
  };
}

/**
 * Reads the servers file, or the one server of the command line; a hot reload calls it again with the same options.
 * `onRead` is called with each file just before it is read. Throws `ConfigError`.
 */
export function loadServers(
  options: ServiceOptions,
  environment: Environment,
  onRead?: (file: string) => void,
): LoadedServers {
  const { variables, platform } = environment;
  const secrets = new ConfiguredSecrets();
  // As dotenv has it, a variable that is already set wins over the file; `--env` wins over both.
  const given = new Map<string, string>();
  for (const [name, value] of environment.envFile) given.set(name, variables.get(name) ?? value);
  for (const [name, value] of options.env) given.set(name, value);
  for (const [name, value] of given) secrets.addVariable(name, value);
  const privatePaths = new Set(ownPaths(options, environment));
  const noteFile = (path: string) => {
    privatePaths.add(resolve(path));
    onRead?.(path);
  };
  const context: ChildContext = {
    environment: new Map([...variables, ...given]),
    given,
    platform,
    confinement: commonConfinement(environment, privatePaths),
    secrets,
    onRead: noteFile,
  };
  const file: ServersFile =
    options.config === undefined
      ? { ...fileSchema.parse({}), servers: [singleServer(options, context)], warnings: [] }
      : readServersFile(options.config, context);
  return { ...file, secrets: secrets.list() };
}

/** The files and folders of the service itself that flags and variables name. */
function ownPaths(options: ServiceOptions, { database, values, variables }: Environment): readonly string[] {
  const files = [...variables].filter(([name]) => name.endsWith('_FILE') && isOwnVariable(name));
  return [
    database.dataDir,
    values.SECURITY_LOG_FILE,
    options.sslKeyfile,
    options.envPath,
    ...files.map(([, path]) => path),
  ].flatMap((path) => (path === undefined || path.trim() === '' ? [] : [resolve(path)]));
}

/** The single key, with the flag or variable that gives it. Throws `UsageError` for an empty flag. */
export function resolveApiKey({ apiKey }: ServiceOptions, { secrets }: Environment): GivenApiKey | undefined {
  if (apiKey !== undefined) {
    // An unset shell variable leaves this behind; taking it for "no key" would open the service.
    if (apiKey.trim() === '') throw new UsageError('--api-key is empty; give it a value or leave it out.');
    return { name: '--api-key', value: apiKey.trim() };
  }
  const name = (['MCPO_API_KEY', 'API_KEY'] as const).find((one) => secrets[one] !== undefined);
  return name && { name, value: secrets[name] ?? '' };
}

/** The vault's keys, as the vault itself reads them. */
export function vaultKeyOf({ values }: Pick<Environment, 'values'>): Secrets['vaultKey'] {
  return { value: values.MCPO_VAULT_KEY, file: values.MCPO_VAULT_KEY_FILE };
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

/** The vault's keys and the passwords of the database and of Redis, which no output may contain. */
function ownSecrets({ values, secrets }: Environment): readonly string[] {
  const keys = values.MCPO_VAULT_KEY?.split(',').map((key) => key.trim()) ?? [];
  const urls = [secrets.MCPO_DATABASE_URL, secrets.MCPO_REDIS_URL].flatMap((url) => {
    if (url === undefined) return [];
    const { password } = new URL(url);
    return [url, password, decoded(password) ?? ''];
  });
  return [...keys, secrets.MCPO_AUDIT_KEY ?? '', ...urls].filter((secret) => secret !== '');
}

function resolveTls({ sslCertfile: certFile, sslKeyfile: keyFile }: ServiceOptions): Settings['tls'] {
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
