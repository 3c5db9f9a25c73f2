import { generateApiKey, hashApiKey, SINGLE_KEY_ID } from '../auth/api-key-ring.ts';
import type { ApiKeyRecord } from '../auth/auth-settings.ts';
import { isIdentifier } from '../auth/claims.ts';
import { parseScope, SCOPE_FORMS } from '../auth/scope.ts';
import { OPEN_WEBUI_ISSUER, parseUserId, type UserId } from '../auth/user.ts';
import { ApiKeys } from '../db/api-keys.ts';
import { openDatabase } from '../db/open-database.ts';
import { DatabaseError, ServiceError, UsageError } from '../errors.ts';
import type { CommandResult } from './check.ts';
import { toTable, toTimeText } from './table.ts';

/** What `mcpo-ts key` was asked to do, as it stood on the command line. */
export type KeyCommand =
  | {
      readonly action: 'create';
      readonly id: string;
      /** Empty: calls and documents, as for a key of the servers file. */
      readonly scopes: readonly string[];
      /** `SUBJECT` of Open WebUI, or `ISSUER:SUBJECT`. */
      readonly user: string | undefined;
      readonly assertsUser: boolean;
      /** `90d`, or a date or time as in ISO 8601; `undefined`: never. */
      readonly expires: string | undefined;
      /** Print the entry for `auth.keys` of the servers file instead of keeping the key in the database. */
      readonly configEntry: boolean;
    }
  | { readonly action: 'list' }
  | { readonly action: 'revoke'; readonly id: string };

export interface KeyCommandResult extends CommandResult {
  /** For the person, on standard error: on standard output stands only what a script may want to read. */
  readonly note: string;
}

export interface KeyCommandOptions {
  /** Of the embedded database. */
  readonly dataDir: string;
  /** Of a PostgreSQL database, to be used in its place. */
  readonly databaseUrl?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: number;
}

const DEFAULT_SCOPES = ['call', 'docs'];
const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
]);
/** The last time that the text of a date has four digits for the year: later ones would not sort as text. */
const MAX_TIME = Date.parse('9999-12-31T23:59:59Z');

/**
 * `mcpo-ts key create|list|revoke`. Throws `UsageError` for what was asked wrongly or names an unknown key,
 * `DatabaseError`.
 */
export async function keyCommand(command: KeyCommand, options: KeyCommandOptions): Promise<KeyCommandResult> {
  switch (command.action) {
    case 'create':
      return createKey(command, options);
    case 'list':
      return withKeys(options, async (keys) => done(listKeys(await keys.list())));
    case 'revoke':
      return withKeys(options, async (keys) => {
        const isRevoked = await keys.revoke(command.id);
        if (!isRevoked) {
          throw new UsageError(
            `There is no key "${command.id}" in the database; "mcpo-ts key list" shows those there are, and keys of the servers file are taken out there.`,
          );
        }
        return done('', `The key "${command.id}" is revoked; running services refuse it within two seconds.\n`);
      });
  }
}

async function createKey(
  command: Extract<KeyCommand, { action: 'create' }>,
  options: KeyCommandOptions,
): Promise<KeyCommandResult> {
  const key = generateApiKey();
  const record = toRecord(command, hashApiKey(key), options.now ?? Date.now());
  if (command.configEntry) {
    const note = `The key itself, shown this once: ${key}\nPut the entry into "auth": {"keys": [...]} of the servers file; it holds only the key's hash.\n`;
    return done(`${JSON.stringify(toConfigEntry(record), null, 2)}\n`, note);
  }
  return withKeys(options, async (keys) => {
    if (!(await keys.create(record))) {
      throw new UsageError(
        `There is a key "${record.id}" already; choose another --id, or revoke that one first with "mcpo-ts key revoke ${record.id}".`,
      );
    }
    return done(`${key}\n`, 'This key is shown only now; running services accept it within two seconds.\n');
  });
}

function toRecord(command: Extract<KeyCommand, { action: 'create' }>, hash: string, now: number): ApiKeyRecord {
  const { id, user, assertsUser, expires } = command;
  if (!/^[\w.-]{1,64}$/.test(id)) {
    throw new UsageError(`--id "${id}": use letters, digits, "_", "." and "-" only, 64 at most.`);
  }
  if (id === SINGLE_KEY_ID) throw new UsageError(`--id "${id}" is the name of the key of --api-key; choose another.`);
  for (const scope of command.scopes) {
    if (parseScope(scope) === undefined) {
      throw new UsageError(`--scope "${scope}" is not a scope; the forms are ${SCOPE_FORMS}.`);
    }
  }
  if (user !== undefined && assertsUser) {
    throw new UsageError('--user and --asserts-user contradict each other: a key speaks for one user or for any.');
  }
  return {
    id,
    hash,
    scopes: command.scopes.length === 0 ? DEFAULT_SCOPES : [...new Set(command.scopes)],
    user: user === undefined ? undefined : parseUser(user),
    assertsUser,
    expiresAt: expires === undefined ? undefined : parseExpiry(expires, now),
    lastUsedAt: undefined,
    createdAt: now,
  };
}

function parseUser(text: string): UserId {
  const user = parseUserId(text);
  if (user !== undefined && isIdentifier(user.issuer) && isIdentifier(user.subject)) return user;
  throw new UsageError(
    `--user "${text}": give the id of a user of Open WebUI, or ISSUER:SUBJECT such as https://id.example.org:alice.`,
  );
}

function parseExpiry(text: string, now: number): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  const isDate = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const time = isDate ? Date.parse(text) : now + Number(count) * (UNIT_MS.get(unit) ?? Number.NaN);
  if (Number.isNaN(time) || time > MAX_TIME) {
    throw new UsageError(
      `--expires "${text}": give a time from now such as 90d (m, h, d or w), or a date such as 2030-01-31 or 2030-01-31T12:00:00Z.`,
    );
  }
  if (time <= now)
    throw new UsageError(`--expires "${text}" is not in the future; leave it out for a key without end.`);
  return time;
}

/** As `auth.keys` of the servers file has it. */
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

function listKeys(keys: readonly ApiKeyRecord[]): string {
  if (keys.length === 0) return 'There are no keys in the database; "mcpo-ts key create --id NAME" makes one.\n';
  return toTable(['ID', 'SCOPES', 'USER', 'EXPIRES', 'LAST USED', 'CREATED'], keys.map(toCells));
}

function toCells({ id, scopes, user, assertsUser, expiresAt, lastUsedAt, createdAt }: ApiKeyRecord): string[] {
  return [
    id,
    scopes.join(' '),
    user === undefined ? (assertsUser ? '(asserts any)' : '-') : `${user.issuer}:${user.subject}`,
    expiresAt === undefined ? 'never' : toTimeText(expiresAt),
    lastUsedAt === undefined ? 'never' : toTimeText(lastUsedAt),
    toTimeText(createdAt),
  ];
}

async function withKeys<Result>(
  { dataDir, databaseUrl }: KeyCommandOptions,
  use: (keys: ApiKeys) => Promise<Result>,
): Promise<Result> {
  const database = await openDatabase({ dataDir, databaseUrl });
  try {
    return await use(new ApiKeys(database));
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    const reason = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new DatabaseError(`The API keys in the database cannot be read or changed${reason}.`, { cause: error });
  } finally {
    await database.destroy();
  }
}

function done(text: string, note = ''): KeyCommandResult {
  return { text, note, exitCode: 0 };
}
