import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError, type ConfigProblem, UsageError } from '../errors.ts';
import { ambiguousUserWarnings } from './ambiguous-users.ts';
import type { ServiceOptions } from './arguments.ts';
import type { AuthFile } from './auth-schema.ts';
import { ConfiguredSecrets } from './configured-secrets.ts';
import type { Environment } from './environment.ts';
import { isOwnVariable } from './own-variables.ts';
import { authSecrets, hasAuthentication, resolveAuth } from './resolve-auth.ts';
import { readServersFile, type ServersFile } from './servers-file.ts';
import type { Secrets, Settings } from './settings.ts';
import { singleServer } from './single-server.ts';

export interface LoadedSettings {
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly warnings: readonly ConfigProblem[];
  /** `auth` of the servers file. */
  readonly authFile: AuthFile | undefined;
}

const defaultPort = 8000;
const maxBodyBytes = 10 * 1024 * 1024;
const maxBodiesBytes = 256 * 1024 * 1024;
const defaultMaxConnections = 8_192;
const defaultMaxConnectionsPerAddress = 2_048;
const drainTimeMs = 10_000;
const defaultCallRate = { limit: 6_000, windowMs: 60_000 };
const defaultFailureRate = { limit: 60, windowMs: 60_000 };
const defaultMaxSessions = 1_000;
const defaultMaxSessionsPerUser = 20;
const weakSecretsWarning = { key: '--allow-weak-secrets', message: 'weak keys and secrets are accepted.' };
const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

/**
 * Combines flags, environment and servers file; a flag wins over the environment. `hasStoredKeys`: the database holds
 * API keys, which count as authentication. `onRead` is told of each file just before it is read.
 * Throws `UsageError` for flags that do not go together, `ConfigError` for files and variables that cannot be used.
 */
export function loadSettings(
  options: ServiceOptions,
  environment: Environment,
  hasStoredKeys = false,
  onRead?: (file: string) => void,
): LoadedSettings {
  const {
    servers,
    operationIds,
    auth: authFile,
    rateLimit,
    audit,
    vault,
    warnings,
    secrets,
  } = loadServers(options, environment, onRead);
  const allowsWeakSecrets = options.allowWeakSecrets === true;
  const apiKey = resolveApiKey(options, environment);
  const auth = resolveAuth(authFile, environment, { apiKey, allowsWeakSecrets });
  const isRequired = hasStoredKeys || hasAuthentication(auth);
  const host = resolveHost(options, isRequired);
  if (options.strictAuth && !isRequired) {
    throw new UsageError(
      '--strict-auth needs something to ask for: set MCPO_API_KEY, make a key with "mcpo-ts key create", or set JWT_SECRET or JWT_ISSUER.',
    );
  }
  const tls = resolveTls(options);

  return {
    settings: {
      host,
      port: options.port ?? defaultPort,
      tls,
      api: { name: options.name, description: options.description, version: options.version },
      rootPath: withSlashes(options.rootPath ?? '').slice(0, -1),
      pathPrefix: withSlashes(options.pathPrefix ?? ''),
      corsAllowOrigins: options.corsAllowOrigins,
      allowedHosts: [...options.allowedHosts, ...environment.allowedHosts, ...(authFile?.allowedHosts ?? [])],
      strictAuth: options.strictAuth === true,
      publicUrl: environment.publicUrl,
      dataDir: environment.dataDir,
      vault: { keepsLastFour: environment.vaultLastFour ?? vault?.lastFour ?? false },
      sessions: {
        maxSessions: environment.maxSessions ?? vault?.maxSessions ?? defaultMaxSessions,
        maxSessionsPerUser: environment.maxSessionsPerUser ?? vault?.maxSessionsPerUser ?? defaultMaxSessionsPerUser,
      },
      trustProxy: environment.trustProxy,
      rateLimit: {
        calls: environment.rateLimit ?? rateLimit?.calls ?? defaultCallRate,
        authFailures: environment.authFailureLimit ?? rateLimit?.authFailures ?? defaultFailureRate,
      },
      audit: {
        file: environment.securityLogFile,
        required: requireAuditFile(audit?.required ?? false, environment, options.config),
        pseudonymise: audit?.pseudonymise ?? false,
        retentionDays: audit?.retentionDays,
      },
      hasAuthentication: isRequired,
      hotReload: options.hotReload === true,
      logLevel: options.logLevel ?? environment.logLevel ?? 'info',
      logFormat: environment.logFormat ?? (environment.isTerminal ? 'pretty' : 'json'),
      configFile: options.config,
      singleServer: options.config === undefined,
      servers,
      operationIds,
      maxBodyBytes,
      maxBodiesBytes,
      connections: {
        max: environment.maxConnections ?? defaultMaxConnections,
        maxPerAddress: environment.maxConnectionsPerAddress ?? defaultMaxConnectionsPerAddress,
      },
      drainTimeMs,
    },
    secrets: {
      auth,
      auditKey: environment.auditKey,
      vaultKey: environment.vaultKey,
      databaseUrl: environment.databaseUrl,
      redisUrl: environment.redisUrl,
      configured: [...authSecrets(auth), ...ownSecrets(environment), ...secrets],
    },
    authFile,
    warnings: [
      ...warnings,
      ...ambiguousUserWarnings(servers, auth),
      ...(allowsWeakSecrets ? [weakSecretsWarning] : []),
    ],
  };
}

/**
 * Reads what is to be served and nothing else, so that a hot reload calls it again with the same options. `onRead` is
 * told of each file just before it is read.
 * Throws `ConfigError`.
 */
export function loadServers(
  options: ServiceOptions,
  environment: Environment,
  onRead?: (file: string) => void,
): ServersFile {
  const secrets = new ConfiguredSecrets();
  const privatePaths = new Set(ownPaths(options, environment));
  const noteFile = (file: string) => {
    privatePaths.add(resolve(file));
    onRead?.(file);
  };
  const confinement = { environment: environment.variables, dataDir: resolve(environment.dataDir), privatePaths };
  if (options.envPath !== undefined) privatePaths.add(resolve(options.envPath));
  // As dotenv has it, a variable that is already set wins over the file; `--env` wins over both.
  const given = new Map<string, string>();
  for (const [name, value] of environment.envFile) given.set(name, environment.variables.get(name) ?? value);
  for (const [name, value] of options.env) given.set(name, value);
  const combined = new Map([...environment.variables, ...given]);
  for (const [name, value] of given) secrets.addVariable(name, value);

  const { platform } = environment;
  if (options.config === undefined) {
    const server = singleServer(options, { environment: combined, given, platform, secrets, confinement });
    return {
      servers: [server],
      operationIds: 'server',
      auth: undefined,
      rateLimit: undefined,
      audit: undefined,
      vault: undefined,
      warnings: [],
      secrets: secrets.list(),
    };
  }
  const file = readServersFile(options.config, {
    environment: combined,
    given,
    platform,
    confinement,
    onRead: noteFile,
  });
  return { ...file, secrets: [...secrets.list(), ...file.secrets] };
}

/** The files and folders that the service keeps for itself, as far as flags and variables name them. */
function ownPaths(options: ServiceOptions, { dataDir, securityLogFile, variables }: Environment): readonly string[] {
  const files = [...variables]
    .filter(([name]) => name.endsWith('_FILE') && isOwnVariable(name))
    .map(([, file]) => file);
  return [dataDir, securityLogFile, options.sslKeyfile, ...files]
    .filter((path) => path !== undefined && path.trim() !== '')
    .map((path) => resolve(path as string));
}

/** The single key, with the flag or variable that gives it. Throws `UsageError` for an empty flag. */
export function resolveApiKey(options: ServiceOptions, environment: Environment): Environment['apiKey'] {
  if (options.apiKey === undefined) return environment.apiKey;
  const key = options.apiKey.trim();
  // An unset shell variable leaves this behind; taking it for "no key" would open the service.
  if (key === '') throw new UsageError('--api-key is empty; give it a value or leave it out.');
  return { name: '--api-key', value: key };
}

function resolveHost(options: ServiceOptions, hasAuthentication: boolean): string {
  // Written as in a URL, an IPv6 address has brackets, which no socket takes.
  const isOpenToAll = hasAuthentication && !options.allowWeakSecrets;
  const host = options.host?.replace(/^\[(.*)\]$/, '$1') ?? (isOpenToAll ? '0.0.0.0' : '127.0.0.1');
  if (options.allowWeakSecrets && !loopback.test(host)) {
    throw new UsageError(
      `--allow-weak-secrets works on 127.0.0.1 only, and --host is ${host}; set strong secrets, as "openssl rand -hex 32" prints them, and leave the flag out.`,
    );
  }
  if (hasAuthentication || options.allowUnauthenticated || loopback.test(host)) return host;
  throw new UsageError(
    `--host ${host} without an API key would let anyone who reaches it use every tool; set MCPO_API_KEY, or add --allow-unauthenticated if that is meant.`,
  );
}

/** A log that must be written and has no place is a mistake that would only be noticed when the log is needed. */
function requireAuditFile(isRequired: boolean, { securityLogFile }: Environment, file: string | undefined): boolean {
  if (isRequired && securityLogFile === undefined) {
    const message = 'is true, and there is no file for the audit log: set SECURITY_LOG_FILE.';
    throw new ConfigError([{ file, key: 'audit.required', message }]);
  }
  return isRequired;
}

/** The vault's keys and the passwords of the database and of Redis, which no output may hold. */
function ownSecrets({ vaultKey, databaseUrl, redisUrl, auditKey }: Environment): readonly string[] {
  const keys = vaultKey.value?.split(',').map((key) => key.trim()) ?? [];
  const urls = [databaseUrl, redisUrl].flatMap((url) => (url === undefined ? [] : [url, ...passwordOf(url)]));
  return [...keys, auditKey ?? '', ...urls].filter((secret) => secret !== '');
}

function passwordOf(url: string): readonly string[] {
  const { password } = new URL(url);
  return [password, decoded(password)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function resolveTls(options: ServiceOptions): Settings['tls'] {
  const { sslCertfile: certFile, sslKeyfile: keyFile } = options;
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
