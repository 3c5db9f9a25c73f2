import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { parseUrl } from '../parse-url.ts';
import { algorithm } from './auth-schema.ts';
import { isOwnVariable, withOwnVariables } from './environment-variables.ts';
import { parseRate, RATE_RULE } from './rate.ts';
import { readSecretFile, type SecretName, secretNames, secretSchema } from './secret-variables.ts';
import { textAs, variable } from './shapes.ts';
import { HOST_NAMES_RULE, LOG_LEVEL_RULE, parseHostNames, parseLogLevel } from './spellings.ts';
import { readEnvFile } from './text-file.ts';
import { parseTrustProxy, TRUST_PROXY_RULE } from './trust-proxy.ts';

const text = variable(z.string());
const rate = variable(textAs(parseRate, RATE_RULE));
const count = variable(
  textAs((value) => (/^[1-9]\d{0,6}$/.test(value) ? Number(value) : undefined), 'must be a whole number, at least 1.'),
);
const flag = variable(
  textAs((value) => {
    if (/^(true|1|yes|on)$/i.test(value)) return true;
    return /^(false|0|no|off)$/i.test(value) ? false : undefined;
  }, 'must be true or false.'),
);
const publicUrl = variable(
  textAs((value) => {
    const url = /^https?:\/\//i.test(value) ? parseUrl(value) : undefined;
    const isPlain =
      url !== undefined && [url.search, url.hash, url.username, url.password].every((part) => part === '');
    return isPlain ? value.replace(/\/+$/, '') : undefined;
  }, 'must be an http or https URL such as https://tools.example.org, without credentials, "?" and "#".'),
);
const list = (value: string) => value.split(/[\s,]+/).filter(Boolean);

/** The service's own variables, secrets aside. */
const valueSchema = z.object({
  /** Base of the links that the service gives out, without a slash at the end. */
  MCPO_PUBLIC_URL: publicUrl,
  JWT_ALGORITHM: variable(z.string().transform(list).pipe(z.array(algorithm).min(1, 'names no algorithm.'))),
  /** How long an issued token lasts, such as `1h`. */
  JWT_EXPIRY: text,
  JWT_ISSUER: text,
  /** One of these must be in a token's `aud`; `*` accepts any. */
  JWT_AUDIENCE: variable(z.string().transform(list)),
  MCPO_OPENWEBUI_URL: publicUrl,
  MCPO_TRUST_USER_HEADERS: flag,
  MCPO_TRUST_PROXY: variable(textAs(parseTrustProxy, TRUST_PROXY_RULE)),
  MCPO_ALLOWED_HOSTS: variable(textAs(parseHostNames, HOST_NAMES_RULE)),
  MCPO_RATE_LIMIT: rate,
  MCPO_AUTH_FAILURE_LIMIT: rate,
  /** Read by the vault, which checks the permissions of the file. */
  MCPO_VAULT_KEY: text,
  MCPO_VAULT_KEY_FILE: text,
  MCPO_VAULT_LAST_FOUR: flag,
  MCPO_MAX_SESSIONS: count,
  MCPO_MAX_SESSIONS_PER_USER: count,
  /** Open connections: in all, and from one address. */
  MCPO_MAX_CONNECTIONS: count,
  MCPO_MAX_CONNECTIONS_PER_ADDRESS: count,
  SECURITY_LOG_FILE: text,
  MCPO_DATA_DIR: text,
  // Set by the image: an empty MCPO_DATA_DIR of an env_file must not lead out of its volume.
  MCPO_DEFAULT_DATA_DIR: text,
  MCPO_RUN_AS: variable(z.enum(['auto', 'off'], { error: 'must be auto or off.' })),
  MCPO_HOMES_DIR: text,
  MCPO_RUN_AS_UIDS: variable(textAs(parseRange, 'must be the first and the last user id, such as 60600-61099.')),
  XDG_DATA_HOME: text,
  LOG_LEVEL: variable(textAs(parseLogLevel, `${LOG_LEVEL_RULE}.`)),
  LOG_FORMAT: variable(
    textAs(
      (value) => (['json', 'pretty'] as const).find((one) => one === value.toLowerCase()),
      'must be json or pretty.',
    ),
  ),
});

const schema = z.object({ values: valueSchema, secrets: secretSchema });

/** What the service takes from the variables of its process; the only place that reads them. */
export interface Environment {
  /** All variables, for placeholders and child processes. */
  readonly variables: ReadonlyMap<string, string>;
  /** Those of `--env-path` that are for the servers. */
  readonly envFile: ReadonlyMap<string, string>;
  /** The service's own variables, parsed, by their names. */
  readonly values: z.infer<typeof valueSchema>;
  readonly secrets: z.infer<typeof secretSchema>;
  /** The files that some of the secrets were read from. */
  readonly secretFiles: ReadonlyMap<SecretName, string>;
  /** Where the embedded database is, and the URL of the PostgreSQL database in its place. */
  readonly database: { readonly dataDir: string; readonly databaseUrl: string | undefined };
  /** Whether the log is read in a terminal. */
  readonly isTerminal: boolean;
  readonly platform: NodeJS.Platform;
}

export interface ReadEnvironmentOptions {
  /** `--env-path`: a dotenv file; its variables of the service itself apply where `env` does not set them. */
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
  const variables = new Map(
    Object.entries(ownEnv).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const { secrets: found, secretFiles, problems } = findSecrets(ownEnv);
  const checked = schema.safeParse({ values: ownEnv, secrets: found });
  for (const { path, message } of checked.error?.issues ?? []) problems.push({ key: String(path[1]), message });
  if (!checked.success || problems.length > 0) throw new ConfigError(problems);
  const { values, secrets } = checked.data;
  const dataDir =
    values.MCPO_DATA_DIR ??
    values.MCPO_DEFAULT_DATA_DIR ??
    join(values.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'mcpo-ts');
  return {
    variables,
    envFile: new Map([...envFile].filter(([name]) => !isOwnVariable(name))),
    values,
    secrets,
    secretFiles,
    database: { dataDir, databaseUrl: secrets.MCPO_DATABASE_URL },
    isTerminal: process.stderr.isTTY === true,
    platform: process.platform,
  };
}

/** Each secret from its variable or its file. */
function findSecrets(env: Readonly<NodeJS.ProcessEnv>) {
  const secrets: NodeJS.ProcessEnv = {};
  const secretFiles = new Map<SecretName, string>();
  const problems: ConfigProblem[] = [];
  for (const name of secretNames) {
    const key = `${name}_FILE`;
    const file = env[key]?.trim() || undefined;
    secrets[name] = env[name]?.trim();
    if (file === undefined) continue;
    secretFiles.set(name, file);
    if (secrets[name]) {
      problems.push({ key, message: `is set beside ${name}; keep one of them.` });
      continue;
    }
    try {
      secrets[name] = readSecretFile(file);
    } catch (error) {
      problems.push({ key, message: (error as Error).message });
    }
  }
  return { secrets, secretFiles, problems };
}

function readGivenEnvFile(path: string | undefined): ReadonlyMap<string, string> {
  if (path === undefined) return new Map();
  try {
    return readEnvFile(path);
  } catch (error) {
    throw new ConfigError([{ key: '--env-path', message: `the file "${path}" ${(error as Error).message}.` }]);
  }
}

/** First and last user of `60600-61099`; `undefined` for anything else. */
function parseRange(given: string): { readonly first: number; readonly last: number } | undefined {
  const [, first, last] = /^(\d{1,9})\s*-\s*(\d{1,9})$/.exec(given) ?? [];
  const range = { first: Number(first), last: Number(last) };
  return range.first > 0 && range.first <= range.last ? range : undefined;
}
