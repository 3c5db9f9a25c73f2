import { z } from 'zod';
import { parseUrl } from '../parse-url.ts';
import { textAs, variable } from './shapes.ts';
import { readTextFile } from './text-file.ts';

const secret = variable(z.string());

/**
 * The service's secrets; each can also be read from a file that the variable of the same name with `_FILE` names.
 * Messages do not repeat the URLs: they contain passwords.
 */
export const secretSchema = z.object({
  MCPO_API_KEY: secret,
  API_KEY: secret,
  JWT_SECRET: secret,
  JWT_PUBLIC_KEY: secret,
  MCPO_OPENWEBUI_USER_JWT_SECRET: secret,
  MCPO_OPENWEBUI_SECRET_KEY: secret,
  MCPO_AUDIT_KEY: secret,
  MCPO_DATABASE_URL: variable(
    textAs(
      (url) => (/^postgres(ql)?:\/\//.test(url) && parseUrl(url) !== undefined ? url : undefined),
      'must be the URL of a PostgreSQL database, such as postgres://user:password@host:5432/name.',
    ),
  ),
  MCPO_REDIS_URL: variable(
    textAs(
      (url) => (isRedisUrl(url) ? url : undefined),
      'must be the URL of a Redis server, such as redis://user:password@host:6379/0, or with rediss:// for TLS; write special characters of a password as %40 and the like.',
    ),
  ),
});

export type SecretName = keyof typeof secretSchema.shape;
export const secretNames = Object.keys(secretSchema.shape) as readonly SecretName[];

/** The secret in a file, without the white space around it. Throws an `Error` that says why there is none. */
export function readSecretFile(file: string): string {
  let text: string;
  try {
    text = readTextFile(file).trim();
  } catch (error) {
    throw new Error(`the file "${file}" ${(error as Error).message}.`, { cause: error });
  }
  if (text === '') throw new Error(`the file "${file}" is empty.`);
  return text;
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
