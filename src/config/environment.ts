import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import { algorithm, type JwtAlgorithm } from './auth-schema.ts';
import { readTextFile } from './env-file.ts';
import { parseLogLevel } from './log-level.ts';
import { parseRate, RATE_RULE, type Rate } from './rate.ts';
import type { LogLevel, VaultKeySettings } from './settings.ts';
import { checkStoreUrls } from './store-urls.ts';
import { parseTrustProxy, TRUST_NONE, TRUST_PROXY_RULE, type TrustProxy } from './trust-proxy.ts';

/** What the service takes from the variables of its process; the only place that reads them. */
export interface Environment {
  /** All variables, for placeholders and child processes. */
  readonly variables: ReadonlyMap<string, string>;
  readonly apiKey: string | undefined;
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
  readonly jwt: JwtEnvironment;
  readonly openWebUi: OpenWebUiEnvironment;
  readonly trustProxy: TrustProxy;
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
  readonly audience: string | undefined;
}

export interface OpenWebUiEnvironment {
  readonly userJwtSecret: string | undefined;
  readonly secretKey: string | undefined;
  readonly url: string | undefined;
  readonly trustUserHeaders: boolean;
}

// An empty variable is what `-e NAME=` of a container and an unfilled template leave behind: it counts as unset.
const optionalText = z.string().transform((value) => (value.trim() === '' ? undefined : value.trim()));

const publicUrl = optionalText.transform((value, context) => {
  if (value === undefined) return undefined;
  const url = /^https?:\/\//i.test(value) && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    context.addIssue({
      code: 'custom',
      message: 'must be an http or https URL such as https://tools.example.org, without credentials, "?" and "#".',
    });
    return z.NEVER;
  }
  return value.replace(/\/+$/, '');
});

const logLevel = optionalText.transform((value, context) => {
  if (value === undefined) return undefined;
  const level = parseLogLevel(value);
  if (level !== undefined) return level;
  context.addIssue({ code: 'custom', message: 'must be one of error, warn, info, debug.' });
  return z.NEVER;
});

const logFormat = optionalText.transform((value, context) => {
  const format = value?.toLowerCase();
  if (format === undefined || format === 'json' || format === 'pretty') return format;
  context.addIssue({ code: 'custom', message: 'must be json or pretty.' });
  return z.NEVER;
});

const algorithms = optionalText.transform((value, context) => {
  const checked = z.array(algorithm).safeParse(value?.split(/[\s,]+/).filter(Boolean) ?? []);
  if (checked.success) return checked.data.length === 0 ? undefined : checked.data;
  context.addIssue({ code: 'custom', message: checked.error.issues[0]?.message ?? 'is no algorithm.' });
  return z.NEVER;
});

const rate = optionalText.transform((value, context) => {
  const parsed = value === undefined ? undefined : parseRate(value);
  if (value !== undefined && parsed === undefined) context.addIssue({ code: 'custom', message: RATE_RULE });
  return parsed;
});

const trustProxy = optionalText.transform((value, context) => {
  const parsed = value === undefined ? undefined : parseTrustProxy(value);
  if (value !== undefined && parsed === undefined) context.addIssue({ code: 'custom', message: TRUST_PROXY_RULE });
  return parsed;
});

const flag = optionalText.transform((value, context) => {
  if (value === undefined || /^(false|0|no|off)$/i.test(value)) return false;
  if (/^(true|1|yes|on)$/i.test(value)) return true;
  context.addIssue({ code: 'custom', message: 'must be true or false.' });
  return z.NEVER;
});

const positiveCount = optionalText.transform((value, context) => {
  if (value === undefined) return undefined;
  if (/^[1-9]\d{0,6}$/.test(value)) return Number(value);
  context.addIssue({ code: 'custom', message: 'must be a whole number, at least 1.' });
  return z.NEVER;
});

/** Each may also stand in a file that the variable of the same name with `_FILE` names. */
const secretNames = [
  'MCPO_API_KEY',
  'JWT_SECRET',
  'JWT_PUBLIC_KEY',
  'MCPO_OPENWEBUI_USER_JWT_SECRET',
  'MCPO_OPENWEBUI_SECRET_KEY',
  'MCPO_AUDIT_KEY',
  'MCPO_DATABASE_URL',
  'MCPO_REDIS_URL',
] as const;

const environmentSchema = z.object({
  API_KEY: optionalText.optional(),
  MCPO_PUBLIC_URL: publicUrl.optional(),
  JWT_ALGORITHM: algorithms.optional(),
  JWT_EXPIRY: optionalText.optional(),
  JWT_ISSUER: optionalText.optional(),
  JWT_AUDIENCE: optionalText.optional(),
  MCPO_OPENWEBUI_URL: publicUrl.optional(),
  MCPO_TRUST_USER_HEADERS: flag.optional(),
  MCPO_TRUST_PROXY: trustProxy.optional(),
  MCPO_RATE_LIMIT: rate.optional(),
  MCPO_AUTH_FAILURE_LIMIT: rate.optional(),
  MCPO_VAULT_KEY: optionalText.optional(),
  MCPO_VAULT_KEY_FILE: optionalText.optional(),
  MCPO_VAULT_LAST_FOUR: flag.optional(),
  MCPO_MAX_SESSIONS: positiveCount.optional(),
  MCPO_MAX_SESSIONS_PER_USER: positiveCount.optional(),
  SECURITY_LOG_FILE: optionalText.optional(),
  MCPO_DATA_DIR: optionalText.optional(),
  XDG_DATA_HOME: optionalText.optional(),
  LOG_LEVEL: logLevel.optional(),
  LOG_FORMAT: logFormat.optional(),
});

/** Reads the process's environment. Throws `ConfigError` with every variable that cannot be used. */
export function readEnvironment(env: Readonly<NodeJS.ProcessEnv> = process.env): Environment {
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined) variables.set(name, value);
  }

  const checked = environmentSchema.safeParse(env);
  if (!checked.success) {
    throw new ConfigError(
      checked.error.issues.map((issue) => ({ key: issue.path.map(String).join('.'), message: issue.message })),
    );
  }
  const values = checked.data;
  const secrets = readSecrets(variables);
  checkStoreUrls(secrets);
  return {
    variables,
    apiKey: secrets.MCPO_API_KEY ?? values.API_KEY,
    publicUrl: values.MCPO_PUBLIC_URL,
    dataDir: values.MCPO_DATA_DIR ?? join(values.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'mcpo-ts'),
    databaseUrl: secrets.MCPO_DATABASE_URL,
    redisUrl: secrets.MCPO_REDIS_URL,
    vaultKey: { value: values.MCPO_VAULT_KEY, file: values.MCPO_VAULT_KEY_FILE },
    // An empty variable leaves it to the servers file.
    vaultLastFour: variables.get('MCPO_VAULT_LAST_FOUR')?.trim() ? values.MCPO_VAULT_LAST_FOUR : undefined,
    maxSessions: values.MCPO_MAX_SESSIONS,
    maxSessionsPerUser: values.MCPO_MAX_SESSIONS_PER_USER,
    jwt: {
      secret: secrets.JWT_SECRET,
      publicKey: secrets.JWT_PUBLIC_KEY,
      algorithms: values.JWT_ALGORITHM,
      expiry: values.JWT_EXPIRY,
      issuer: values.JWT_ISSUER,
      audience: values.JWT_AUDIENCE,
    },
    openWebUi: {
      userJwtSecret: secrets.MCPO_OPENWEBUI_USER_JWT_SECRET,
      secretKey: secrets.MCPO_OPENWEBUI_SECRET_KEY,
      url: values.MCPO_OPENWEBUI_URL,
      trustUserHeaders: values.MCPO_TRUST_USER_HEADERS ?? false,
    },
    trustProxy: values.MCPO_TRUST_PROXY ?? TRUST_NONE,
    rateLimit: values.MCPO_RATE_LIMIT,
    authFailureLimit: values.MCPO_AUTH_FAILURE_LIMIT,
    securityLogFile: values.SECURITY_LOG_FILE,
    auditKey: secrets.MCPO_AUDIT_KEY,
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT,
    isTerminal: process.stderr.isTTY === true,
    platform: process.platform,
  };
}

type SecretName = (typeof secretNames)[number];

/** Every secret, from its variable or its file. Throws `ConfigError` where both are set or a file is of no use. */
function readSecrets(variables: ReadonlyMap<string, string>): Readonly<Partial<Record<SecretName, string>>> {
  const secrets: Partial<Record<SecretName, string>> = {};
  for (const name of secretNames) {
    const value = readSecret(name, variables);
    if (value !== undefined) secrets[name] = value;
  }
  return secrets;
}

function readSecret(name: SecretName, variables: ReadonlyMap<string, string>): string | undefined {
  const value = optionalText.parse(variables.get(name) ?? '');
  const file = optionalText.parse(variables.get(`${name}_FILE`) ?? '');
  if (file === undefined) return value;
  const problem = (message: string) => new ConfigError([{ key: `${name}_FILE`, message }]);
  if (value !== undefined) throw problem(`is set beside ${name}; keep one of them.`);
  let text: string;
  try {
    text = readTextFile(file).trim();
  } catch (error) {
    throw problem(`the file "${file}" ${error instanceof Error ? error.message : 'cannot be read'}.`);
  }
  if (text === '') throw problem(`the file "${file}" is empty.`);
  return text;
}
