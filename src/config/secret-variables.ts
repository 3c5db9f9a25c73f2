import { ConfigError } from '../errors.ts';
import { readTextFile } from './env-file.ts';

/** Each can also be read from a file that the variable of the same name with `_FILE` names. */
const secretNames = [
  'MCPO_API_KEY',
  'API_KEY',
  'JWT_SECRET',
  'JWT_PUBLIC_KEY',
  'MCPO_OPENWEBUI_USER_JWT_SECRET',
  'MCPO_OPENWEBUI_SECRET_KEY',
  'MCPO_AUDIT_KEY',
  'MCPO_DATABASE_URL',
  'MCPO_REDIS_URL',
] as const;

export type SecretName = (typeof secretNames)[number];
export type SecretValues = Readonly<Partial<Record<SecretName, string>>>;

/** Values of secrets, and the files that some of them were read from. */
export interface SecretVariables {
  readonly values: SecretValues;
  readonly files: ReadonlyMap<SecretName, string>;
}

/**
 * Reads every secret from its variable or its file. Throws `ConfigError` with all that are set twice or whose file cannot
 * be used.
 */
export function readSecrets(variables: ReadonlyMap<string, string>): SecretVariables {
  const values: Partial<Record<SecretName, string>> = {};
  const files = new Map<SecretName, string>();
  const problems: ConfigError[] = [];
  for (const name of secretNames) {
    const given = textOf(variables.get(name));
    const file = textOf(variables.get(`${name}_FILE`));
    if (file !== undefined) files.set(name, file);
    try {
      if (given !== undefined && file !== undefined) throw problem(name, `is set beside ${name}; keep one of them.`);
      const value = file === undefined ? given : readSecretFile(name, file);
      if (value !== undefined) values[name] = value;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(error);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems.flatMap((error) => error.problems));
  return { values, files };
}

/** The secret in a file, without the white space around it. Throws `ConfigError` if there is none. */
export function readSecretFile(name: SecretName, file: string): string {
  let text: string;
  try {
    text = readTextFile(file).trim();
  } catch (error) {
    throw problem(name, `the file "${file}" ${error instanceof Error ? error.message : 'cannot be read'}.`);
  }
  if (text === '') throw problem(name, `the file "${file}" is empty.`);
  return text;
}

function problem(name: SecretName, message: string): ConfigError {
  return new ConfigError([{ key: `${name}_FILE`, message }]);
}

function textOf(value: string | undefined): string | undefined {
  return value?.trim() || undefined;
}
