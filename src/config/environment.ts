import { homedir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';
import type { JwtAlgorithm } from './auth-schema.ts';
import { readEnvFile } from './env-file.ts';
import { environmentSchema } from './environment-schema.ts';
import { isOwnVariable, withOwnVariables } from './own-variables.ts';
import type { Rate } from './rate.ts';
import { readSecrets, type SecretVariables } from './secret-variables.ts';
import type { LogLevel, VaultKeySettings } from './settings.ts';
import { checkStoreUrls } from './store-urls.ts';
import { TRUST_NONE, type TrustProxy } from './trust-proxy.ts';

/** What the service takes from the variables of its process; the only place that reads them. */
export interface Environment {
  /** All variables, for placeholders and child processes. */
  readonly variables: ReadonlyMap<string, string>;
  /** Those of `--env-path` that are for the servers. */
  readonly envFile: ReadonlyMap<string, string>;
  /** Secrets by the variable that gives them; the fields below have their values, too. */
  readonly secrets: SecretVariables;
  readonly apiKey: { readonly name: string; readonly value: string } | undefined;
  /** Base of the links that the service gives out, without a slash at the end. */
  readonly publicUrl: string | undefined;
  /** Where the embedded database lies. */
  readonly dataDir: string;
  /** PostgreSQL in place of the embedded database; holds a password. */
  readonly databaseUrl: string | undefined;
  /** Redis, where the limits of all replicas are counted; may hold a password. */
  readonly redisUrl: string | undefined;
  readonly vaultKey: VaultKeySettings;
  readonly vaultLastFour: boolean | undefined;
  readonly maxSessions: number | undefined;
  readonly maxSessionsPerUser: number | undefined;
  /** Open connections: in all, and from one address. */
  readonly maxConnections: number | undefined;
  readonly maxConnectionsPerAddress: number | undefined;
  readonly jwt: JwtEnvironment;
  readonly openWebUi: OpenWebUiEnvironment;
  readonly trustProxy: TrustProxy;
  readonly allowedHosts: readonly string[];
  readonly rateLimit: Rate | 'off' | undefined;
  readonly authFailureLimit: Rate | 'off' | undefined;
  readonly securityLogFile: string | undefined;
  readonly auditKey: string | undefined;
  readonly logLevel: LogLevel | undefined;
  readonly logFormat: 'json' | 'pretty' | undefined;
  /** Whether a person reads along. */
  readonly isTerminal: boolean;
  readonly platform: NodeJS.Platform;
}

/** Own tokens, and those of one issuer. */
export interface JwtEnvironment {
  readonly secret: string | undefined;
  readonly publicKey: string | undefined;
  readonly algorithms: readonly JwtAlgorithm[] | undefined;
  /** How long an issued token lasts, such as `1h`. */
  readonly expiry: string | undefined;
  readonly issuer: string | undefined;
  /** One of these must be in a token's `aud`; `*` stands for any. */
  readonly audiences: readonly string[];
}

export interface OpenWebUiEnvironment {
  readonly userJwtSecret: string | undefined;
  readonly secretKey: string | undefined;
  readonly url: string | undefined;
  readonly trustUserHeaders: boolean;
}

export interface ReadEnvironmentOptions {
  /** `--env-path`: a dotenv file, whose variables of the service itself count where `env` does not set them. */
  readonly envPath?: string | undefined;
  /** Called with that file just before it is read. */
  readonly onRead?: ((file: string) => void) | undefined;
}

/** Reads the process's environment. Throws `ConfigError` with every variable that cannot be used. */
export function readEnvironment(
  env: Readonly<NodeJS.ProcessEnv> = process.env,
  { envPath, onRead }: ReadEnvironmentOptions = {},
): Environment {
  if (envPath !== undefined) onRead?.(envPath);
  const envFile = readGivenEnvFile(envPath);
  const ownEnv = withOwnVariables(env, envFile);
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(ownEnv)) {
    if (value !== undefined) variables.set(name, value);
  }

  const checked = environmentSchema.safeParse(ownEnv);
  if (!checked.success) {
    throw new ConfigError(
      checked.error.issues.map((issue) => ({ key: issue.path.map(String).join('.'), message: issue.message })),
    );
  }
  const values = checked.data;
  const secrets = readSecrets(variables);
  checkStoreUrls(secrets.values);
  return withSecrets(
    {
      variables,
      envFile: new Map([...envFile].filter(([name]) => !isOwnVariable(name))),
      publicUrl: values.MCPO_PUBLIC_URL,
      dataDir:
        values.MCPO_DATA_DIR ??
        values.MCPO_DEFAULT_DATA_DIR ??
        join(values.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'mcpo-ts'),
      vaultKey: { value: values.MCPO_VAULT_KEY, file: values.MCPO_VAULT_KEY_FILE },
      // An empty variable leaves it to the servers file.
      vaultLastFour: variables.get('MCPO_VAULT_LAST_FOUR')?.trim() ? values.MCPO_VAULT_LAST_FOUR : undefined,
      maxSessions: values.MCPO_MAX_SESSIONS,
      maxSessionsPerUser: values.MCPO_MAX_SESSIONS_PER_USER,
      maxConnections: values.MCPO_MAX_CONNECTIONS,
      maxConnectionsPerAddress: values.MCPO_MAX_CONNECTIONS_PER_ADDRESS,
      jwt: {
        algorithms: values.JWT_ALGORITHM,
        expiry: values.JWT_EXPIRY,
        issuer: values.JWT_ISSUER,
        audiences: values.JWT_AUDIENCE?.split(/[\s,]+/).filter(Boolean) ?? [],
      },
      openWebUi: {
        url: values.MCPO_OPENWEBUI_URL,
        trustUserHeaders: values.MCPO_TRUST_USER_HEADERS ?? false,
      },
      trustProxy: values.MCPO_TRUST_PROXY ?? TRUST_NONE,
      allowedHosts: values.MCPO_ALLOWED_HOSTS ?? [],
      rateLimit: values.MCPO_RATE_LIMIT,
      authFailureLimit: values.MCPO_AUTH_FAILURE_LIMIT,
      securityLogFile: values.SECURITY_LOG_FILE,
      logLevel: values.LOG_LEVEL,
      logFormat: values.LOG_FORMAT,
      isTerminal: process.stderr.isTTY === true,
      platform: process.platform,
    },
    secrets,
  );
}

/** What an environment holds beside its secrets. */
type WithoutSecrets = Omit<
  Environment,
  'secrets' | 'apiKey' | 'databaseUrl' | 'redisUrl' | 'auditKey' | 'jwt' | 'openWebUi'
> & {
  readonly jwt: Omit<JwtEnvironment, 'secret' | 'publicKey'>;
  readonly openWebUi: Omit<OpenWebUiEnvironment, 'userJwtSecret' | 'secretKey'>;
};

/** The environment with these secrets in place of those that it had. */
export function withSecrets(environment: WithoutSecrets, secrets: SecretVariables): Environment {
  const { values } = secrets;
  return {
    ...environment,
    secrets,
    apiKey: firstOf({ MCPO_API_KEY: values.MCPO_API_KEY, API_KEY: values.API_KEY }),
    databaseUrl: values.MCPO_DATABASE_URL,
    redisUrl: values.MCPO_REDIS_URL,
    auditKey: values.MCPO_AUDIT_KEY,
    jwt: { ...environment.jwt, secret: values.JWT_SECRET, publicKey: values.JWT_PUBLIC_KEY },
    openWebUi: {
      ...environment.openWebUi,
      userJwtSecret: values.MCPO_OPENWEBUI_USER_JWT_SECRET,
      secretKey: values.MCPO_OPENWEBUI_SECRET_KEY,
    },
  };
}

function firstOf(values: Readonly<Record<string, string | undefined>>): Environment['apiKey'] {
  for (const [name, value] of Object.entries(values)) if (value !== undefined) return { name, value };
  return undefined;
}

function readGivenEnvFile(path: string | undefined): ReadonlyMap<string, string> {
  if (path === undefined) return new Map();
  try {
    return readEnvFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'cannot be read';
    throw new ConfigError([{ key: '--env-path', message: `the file "${path}" ${reason}.` }]);
  }
}
