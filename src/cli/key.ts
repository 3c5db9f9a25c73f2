import { generateApiKey, hashApiKey, PREVIOUS_KEY_ID, SINGLE_KEY_ID } from '../auth/api-key.ts';
import type { ApiKeyRecord } from '../auth/auth-settings.ts';
import { DEFAULT_KEY_SCOPES, parseScope, SCOPE_FORMS } from '../auth/scope.ts';
import { OPEN_WEBUI_ISSUER } from '../auth/user.ts';
import { parseDuration } from '../config/duration.ts';
import { ApiKeys } from '../db/api-keys.ts';
import type { DatabaseLocation } from '../db/open-database.ts';
import { UsageError } from '../errors.ts';
import { type CommandResult, done, toJson, toTable, toTimeText } from './command-result.ts';
import { parseUserArgument, withDatabase } from './with-database.ts';

/** The flags of `mcpo-ts key create`. */
export interface KeyOptions {
  readonly id: string;
  /** Absent: calls and documents, as for a key of the servers file. */
  readonly scope?: readonly string[];
  /** `SUBJECT` of Open WebUI, or `ISSUER:SUBJECT`. */
  readonly user?: string;
  readonly assertsUser?: true;
  /** `90d`, or a date or time as in ISO 8601; absent: never. */
  readonly expires?: string;
  /** Print the entry for `auth.keys` of the servers file instead of storing the key in the database. */
  readonly configEntry?: true;
}

/** The last time whose year has four digits: later ones would not sort as text. */
const MAX_TIME = Date.parse('9999-12-31T23:59:59Z');

/**
 * `mcpo-ts key create`; `now` is in milliseconds since the epoch. Throws `UsageError` for flags that cannot be used,
 * `DatabaseError`.
 */
export async function createKey(
  options: KeyOptions,
  database: DatabaseLocation,
  now = Date.now(),
): Promise<CommandResult> {
  const key = generateApiKey();
  const record = toRecord(options, hashApiKey(key), now);
  if (options.configEntry) {
    const note = `The key itself, shown this once: ${key}\nPut the entry into "auth": {"keys": [...]} of the servers file; it contains only the key's hash.\n`;
    return done(toJson(toConfigEntry(record)), note);
  }
  if (await withKeys(database, (keys) => keys.create(record))) {
    return done(`${key}\n`, 'This key is shown only now; running services accept it within two seconds.\n');
  }
  throw new UsageError(
    `There is already a key "${record.id}"; choose another --id, or revoke it first with "mcpo-ts key revoke ${record.id}".`,
  );
}

/** `mcpo-ts key list`. Throws `DatabaseError`. */
export async function listKeys(database: DatabaseLocation): Promise<CommandResult> {
  const keys = await withKeys(database, (stored) => stored.list());
  if (keys.length === 0)
    return done('There are no keys in the database; "mcpo-ts key create --id NAME" creates one.\n');
  return done(
    toTable(
      ['ID', 'SCOPES', 'USER', 'EXPIRES', 'LAST USED', 'CREATED'],
      keys.map(({ id, scopes, user, assertsUser, expiresAt, lastUsedAt, createdAt }) => [
        id,
        scopes.join(' '),
        user === undefined ? (assertsUser ? '(asserts any)' : '-') : `${user.issuer}:${user.subject}`,
        toTimeText(expiresAt),
        toTimeText(lastUsedAt),
        toTimeText(createdAt),
      ]),
    ),
  );
}

/** `mcpo-ts key revoke`. Throws `UsageError` for an unknown key, `DatabaseError`. */
export async function revokeKey(id: string, database: DatabaseLocation): Promise<CommandResult> {
  if (await withKeys(database, (keys) => keys.revoke(id))) {
    return done('', `The key "${id}" is revoked; running services reject it within two seconds.\n`);
  }
  throw new UsageError(
    `There is no key "${id}" in the database; "mcpo-ts key list" lists the keys there, and keys of the servers file are removed in that file.`,
  );
}

function withKeys<Result>(database: DatabaseLocation, use: (keys: ApiKeys) => Promise<Result>): Promise<Result> {
  return withDatabase(database, 'API keys', (opened) => use(new ApiKeys(opened)));
}

function toRecord(options: KeyOptions, hash: string, now: number): ApiKeyRecord {
  const { id, scope: scopes = DEFAULT_KEY_SCOPES, user, assertsUser = false, expires } = options;
  if (!/^[\w.-]{1,64}$/.test(id)) {
    throw new UsageError(`--id "${id}": use letters, digits, "_", "." and "-" only, 64 at most.`);
  }
  if (id === SINGLE_KEY_ID || id === PREVIOUS_KEY_ID) {
    throw new UsageError(`--id "${id}" is the name of the key of --api-key or of the one before it; choose another.`);
  }
  const wrong = scopes.find((scope) => parseScope(scope) === undefined);
  if (wrong !== undefined) throw new UsageError(`--scope "${wrong}" is not a scope; the forms are ${SCOPE_FORMS}.`);
  if (user !== undefined && assertsUser) {
    throw new UsageError('--user and --asserts-user contradict each other: a key acts for one user or for any.');
  }
  return {
    id,
    hash,
    scopes: [...new Set(scopes)],
    user: user === undefined ? undefined : parseUserArgument(user, `--user "${user}":`),
    assertsUser,
    expiresAt: expires === undefined ? undefined : parseExpiry(expires, now),
    lastUsedAt: undefined,
    createdAt: now,
  };
}

function parseExpiry(text: string, now: number): number {
  const isDate = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const time = isDate ? Date.parse(text) : now + (parseDuration(text) ?? Number.NaN) * 1_000;
  if (Number.isNaN(time) || time > MAX_TIME) {
    throw new UsageError(
      `--expires "${text}": give a time from now such as 90d (m, h, d or w), or a date such as 2030-01-31 or 2030-01-31T12:00:00Z.`,
    );
  }
  if (time > now) return time;
  throw new UsageError(`--expires "${text}" is not in the future; leave it out for a key that does not expire.`);
}

/** As in `auth.keys` of the servers file. */
function toConfigEntry({ id, hash, scopes, user, assertsUser, expiresAt }: ApiKeyRecord): object {
  return {
    id,
    hash,
    scopes,
    ...(user === undefined ? {} : { user: user.issuer === OPEN_WEBUI_ISSUER ? user.subject : user }),
    ...(assertsUser ? { assertsUser } : {}),
    ...(expiresAt === undefined ? {} : { expires: toTimeText(expiresAt) }),
  };
}
