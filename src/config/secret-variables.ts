import { ConfigError } from '../errors.ts';
import { parseUrl } from '../parse-url.ts';
import { readTextFile } from './text-file.ts';

/** Each can also be read from a file that the variable of the same name with `_FILE` names. */
const SECRET_NAMES = [
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

export type SecretName = (typeof SECRET_NAMES)[number];

/** Secrets by their variables, and the files that some of them were read from. */
export interface SecretVariables {
  readonly secrets: Readonly<Partial<Record<SecretName, string>>>;
  readonly secretFiles: ReadonlyMap<SecretName, string>;
}

/**
 * Reads every secret from its variable or its file. Throws `ConfigError` with all that are set twice, whose file cannot
 * be read, or that cannot be used.
 */
export function readSecrets(variables: ReadonlyMap<string, string>): SecretVariables {
  const secrets: Partial<Record<SecretName, string>> = {};
  const secretFiles = new Map<SecretName, string>();
  const problems: ConfigError[] = [];
  for (const name of SECRET_NAMES) {
    const given = variables.get(name)?.trim() || undefined;
    const file = variables.get(`${name}_FILE`)?.trim() || undefined;
    if (file !== undefined) secretFiles.set(name, file);
    try {
      if (given !== undefined && file !== undefined) {
        throw problem(`${name}_FILE`, `is set beside ${name}; keep one of them.`);
      }
      const value = file === undefined ? given : readSecretFile(name, file);
      if (value === undefined) continue;
      checkUrl(name, value);
      secrets[name] = value;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(error);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems.flatMap((error) => error.problems));
  return { secrets, secretFiles };
}

/** The secret in a file, without the white space around it. Throws `ConfigError` if there is none. */
export function readSecretFile(name: SecretName, file: string): string {
  let text: string;
  try {
    text = readTextFile(file).trim();
  } catch (error) {
    throw problem(`${name}_FILE`, `the file "${file}" ${(error as Error).message}.`);
  }
  if (text === '') throw problem(`${name}_FILE`, `the file "${file}" is empty.`);
  return text;
}

/** Messages do not repeat the URLs: they contain passwords. */
function checkUrl(name: SecretName, value: string): void {
  if (name === 'MCPO_DATABASE_URL' && !(/^postgres(ql)?:\/\//.test(value) && parseUrl(value) !== undefined)) {
    throw problem(name, 'must be the URL of a PostgreSQL database, such as postgres://user:password@host:5432/name.');
  }
  if (name === 'MCPO_REDIS_URL' && !isRedisUrl(value)) {
    throw problem(
      name,
      'must be the URL of a Redis server, such as redis://user:password@host:6379/0, or with rediss:// for TLS; write special characters of a password as %40 and the like.',
    );
  }
}

function isRedisUrl(text: string): boolean {
  const url = /^rediss?:\/\//.test(text) ? parseUrl(text) : undefined;
  if (url === undefined) return false;
  const { hostname, pathname, search, hash, username, password } = url;
  const hasKnownParts = hostname !== '' && /^\/?\d{0,5}$/.test(pathname) && search === '' && hash === '';
  return hasKnownParts && [username, password].every((part) => decoded(part) !== undefined);
}

/** Without its percent-encoding; `undefined` if that is malformed. */
export function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function problem(key: string, message: string): ConfigError {
  return new ConfigError([{ key, message }]);
}
