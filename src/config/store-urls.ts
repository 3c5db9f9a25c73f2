import { ConfigError, type ConfigProblem } from '../errors.ts';
import { parseUrl } from '../parse-url.ts';

/**
 * Checks the URLs of the database and of Redis, where they are set. Throws `ConfigError`, which repeats neither: they
 * hold passwords.
 */
export function checkStoreUrls(urls: { readonly MCPO_DATABASE_URL?: string; readonly MCPO_REDIS_URL?: string }): void {
  const problems: ConfigProblem[] = [];
  const { MCPO_DATABASE_URL: databaseUrl, MCPO_REDIS_URL: redisUrl } = urls;
  if (databaseUrl !== undefined && !isPostgresUrl(databaseUrl)) {
    const message = 'must be the URL of a PostgreSQL database, such as postgres://user:password@host:5432/name.';
    problems.push({ key: 'MCPO_DATABASE_URL', message });
  }
  if (redisUrl !== undefined && !isRedisUrl(redisUrl)) {
    const message =
      'must be the URL of a Redis, such as redis://user:password@host:6379/0, or with rediss:// for TLS; special characters of a password are written as %40 and the like.';
    problems.push({ key: 'MCPO_REDIS_URL', message });
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:\/\//.test(text) && parseUrl(text) !== undefined;
}

function isRedisUrl(text: string): boolean {
  const url = /^rediss?:\/\//.test(text) ? parseUrl(text) : undefined;
  if (url === undefined) return false;
  const { hostname, pathname, search, hash, username, password } = url;
  const hasKnownParts = hostname !== '' && /^\/?\d{0,5}$/.test(pathname) && search === '' && hash === '';
  return hasKnownParts && isDecodable(username) && isDecodable(password);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
