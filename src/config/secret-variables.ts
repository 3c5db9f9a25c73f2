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
  MCPO_API_KEY: secret.describe(
    'The key that callers must present as `Authorization: Bearer …`; at least 16 characters.',
  ),
  API_KEY: secret.describe("mcpo's name for it; read only if the one above is unset."),
  MCPO_API_KEY_PREVIOUS: secret.describe('The former key, accepted beside `MCPO_API_KEY` while clients change to it.'),
  JWT_SECRET: secret.describe(
    'Signs the tokens that `mcpo-ts token issue` makes, and verifies them; at least 32 bytes.',
  ),
  JWT_SECRET_PREVIOUS: secret.describe(
    'The former secret: tokens signed with it are accepted beside those of `JWT_SECRET`, until they expire.',
  ),
  JWT_PUBLIC_KEY: secret.describe('Public key (PEM) that tokens are verified with.'),
  MCPO_OPENWEBUI_USER_JWT_SECRET: secret.describe(
    "Open WebUI's `FORWARD_USER_INFO_HEADER_JWT_SECRET`: its users are known by a signed token.",
  ),
  MCPO_OPENWEBUI_SECRET_KEY: secret.describe(
    "Open WebUI's `WEBUI_SECRET_KEY`, to verify its session tokens; needs `MCPO_OPENWEBUI_URL`.",
  ),
  MCPO_OPENWEBUI_API_KEY: secret.describe(
    'An API key of an admin of Open WebUI, to ask it for more than callers show; needs `MCPO_OPENWEBUI_URL`.',
  ),
  VAULT_TOKEN: secret.describe('Token for HashiCorp Vault, from which `${vault:…}` is read.'),
  VAULT_SECRET_ID: secret.describe('Secret id of an AppRole log-in at HashiCorp Vault.'),
  MCPO_AUDIT_KEY: secret.describe("The audit log's key: 32 bytes as base64. Unset: made once beside the database."),
  MCPO_BACKUP_PASSPHRASE: secret.describe(
    'Encrypts what `mcpo-ts backup` writes, and opens it; at least 16 characters to encrypt with.',
  ),
  MCPO_BACKUP_IDENTITY: secret.describe(
    'Opens backups for a `MCPO_BACKUP_RECIPIENT`: `AGE-SECRET-KEY-1…`, as `age-keygen` prints it.',
  ),
  MCPO_DATABASE_URL: variable(
    textAs(
      (url) => (/^postgres(ql)?:\/\//.test(url) && parseUrl(url) !== undefined ? url : undefined),
      'must be the URL of a PostgreSQL database, such as postgres://user:password@host:5432/name.',
    ),
  ).describe('PostgreSQL in place of the embedded database: `postgres://user:password@host:5432/name`.'),
  MCPO_REDIS_URL: variable(
    textAs(
      (url) => (isRedisUrl(url) ? url : undefined),
      'must be the URL of a Redis server, such as redis://user:password@host:6379/0, or with rediss:// for TLS; write special characters of a password as %40 and the like.',
    ),
  ).describe('Redis, where replicas count their limits together: `redis://user:password@host:6379/0`, or `rediss://`.'),
  OTEL_EXPORTER_OTLP_HEADERS: secret.describe(
    'Headers of requests to the collector, such as `authorization=Bearer%20abc,x-tenant=tools`; values are percent-encoded.',
  ),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: secret.describe('The same; these win over those.'),
  SENTRY_DSN: variable(
    textAs(
      (dsn) => (/^https?:\/\/[\w.-]+(?::[\w.-]+)?@[^/@?#]+(?:\/[\w./-]*)?\/\d+$/.test(dsn) ? dsn : undefined),
      'must be the DSN of a Sentry project, such as https://key@sentry.example.org/1.',
    ),
  ).describe('Sentry project that faults of the service are reported to: `https://key@sentry.example.org/1`.'),
});

export type SecretName = keyof typeof secretSchema.shape;
export const secretNames = Object.keys(secretSchema.shape) as readonly SecretName[];

/**
 * The secret of a variable's file, without the white space around it. Throws an `Error` that says why there is none; only
 * the file of a former secret may be empty or missing, so that its variable can stay set between two rotations.
 */
export function readSecretOf(name: SecretName, file: string): string | undefined {
  if (!name.endsWith('_PREVIOUS')) return readSecretFile(file);
  try {
    return readTextFile(file).trim() || undefined;
  } catch (error) {
    const { code } = (error as Error).cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new Error(`the file "${file}" ${(error as Error).message}.`, { cause: error });
  }
}

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
