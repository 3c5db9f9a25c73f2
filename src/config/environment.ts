import { z } from 'zod';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { dataFolder } from './data-folder.ts';
import { isOwnVariable, withOwnVariables } from './environment-variables.ts';
import type { References } from './references.ts';
import { readSecretOf, type SecretName, secretNames, secretSchema } from './secret-variables.ts';
import { readTerminal, type Terminal } from './terminal.ts';
import { readEnvFile } from './text-file.ts';
import { valueSchema } from './value-variables.ts';

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
  readonly terminal: Terminal;
  readonly platform: NodeJS.Platform;
  /** The values of references such as `${vault:…}`. */
  readonly references?: References | undefined;
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
  const dataDir = dataFolder(ownEnv);
  return {
    variables,
    envFile: new Map([...envFile].filter(([name]) => !isOwnVariable(name))),
    values,
    secrets,
    secretFiles,
    database: { dataDir, databaseUrl: secrets.MCPO_DATABASE_URL },
    terminal: readTerminal(values.LOG_FORMAT, env),
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
      secrets[name] = readSecretOf(name, file);
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
