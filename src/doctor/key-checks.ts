import { z } from 'zod';
import type { ApiKeyRecord } from '../auth/auth-settings.ts';
import { errorCodeOf } from '../db/database-error.ts';
import { databaseFile } from '../db/database-file.ts';
import { peekDatabase } from '../db/peek-database.ts';
import { type Check, type Finding, listNames, notApplicable, orOk, unknown, warning } from './check.ts';
import { databaseState, notSeen } from './look.ts';
import type { Subject } from './subject.ts';

const DAY_MS = 86_400_000;
const MAX_AGE_DAYS = 90;
/** A key that was made just now may still be on its way to its user. */
const UNUSED_AFTER_DAYS = 30;

const time = z.string().transform((text) => Date.parse(text));
const rowsSchema = z.array(
  z.object({ id: z.string(), expires_at: time.nullable(), last_used_at: time.nullable(), created_at: time }),
);
type KeyRow = z.infer<typeof rowsSchema>[number];

/** The API keys in the database; those of the configuration have no dates. */
export const keyChecks: readonly Check[] = [
  {
    id: 'key-age',
    group: 'access',
    title: `API keys are at most ${MAX_AGE_DAYS} days old`,
    worst: 'warning',
    run: async (subject) => {
      const { apiKey, keys } = subject.secrets.auth;
      const configured = [...(apiKey === undefined ? [] : ['MCPO_API_KEY']), ...keys.map(({ id }) => id)];
      const findings = await withStoredKeys(subject, (rows) =>
        namesWhere(
          rows,
          ({ created_at }) => subject.now - created_at > MAX_AGE_DAYS * DAY_MS,
          (names, isOne) =>
            warning(
              `${names} ${isOne ? 'is' : 'are'} more than ${MAX_AGE_DAYS} days old.`,
              'Create a new key with "mcpo-ts key create", give it to its user, then "mcpo-ts key revoke" the old one.',
            ),
        ),
      );
      if (configured.length === 0 || findings.some(({ state }) => state === 'unknown')) return findings;
      const message = `The age of ${listNames(configured)} is not known: keys of the configuration have no dates.`;
      const advice = 'Note when they were set, or use keys of the database ("mcpo-ts key create").';
      return [...findings.filter(({ state }) => state === 'warning'), unknown(message, advice)];
    },
  },
  {
    id: 'key-expiry',
    group: 'access',
    title: 'API keys expire',
    worst: 'warning',
    run: async (subject) => {
      const configured = subject.secrets.auth.keys.filter(({ expiresAt }) => expiresAt === undefined);
      const findings = await withStoredKeys(subject, (rows) =>
        namesWhere(rows, ({ expires_at }) => expires_at === null, expireNever),
      );
      const own = namesWhere(configured, () => true, expireNever);
      return own.length === 0 ? findings : [...own, ...findings.filter(({ state }) => state !== 'not-applicable')];
    },
  },
  {
    id: 'unused-keys',
    group: 'access',
    title: 'API keys are in use',
    worst: 'warning',
    run: (subject) =>
      withStoredKeys(subject, (rows) => {
        const before = (days: number) => subject.now - days * DAY_MS;
        const advice = 'Remove keys that nobody needs with "mcpo-ts key revoke".';
        const isExpired = ({ expires_at }: KeyRow) => expires_at !== null && expires_at <= subject.now;
        const current = rows.filter((row) => !isExpired(row));
        return [
          ...namesWhere(
            current,
            (row) => row.last_used_at === null && row.created_at < before(UNUSED_AFTER_DAYS),
            (names, isOne) =>
              warning(
                `${names} ${isOne ? 'was' : 'were'} not used in the ${UNUSED_AFTER_DAYS} days or more since creation.`,
                advice,
              ),
          ),
          ...namesWhere(
            current,
            (row) => row.last_used_at !== null && row.last_used_at < before(MAX_AGE_DAYS),
            (names, isOne) =>
              warning(`${names} ${isOne ? 'was' : 'were'} last used more than ${MAX_AGE_DAYS} days ago.`, advice),
          ),
          ...namesWhere(rows, isExpired, (names, isOne) =>
            warning(`${names} ${isOne ? 'has' : 'have'} expired.`, advice),
          ),
        ];
      }),
  },
];

function expireNever(names: string, isOne: boolean): Finding {
  const message = `${names} ${isOne ? 'does' : 'do'} not expire.`;
  return warning(message, 'Create keys with "--expires 90d", or give "expires" in auth.keys.');
}

/** Names those keys in one finding. */
function namesWhere<Key extends Pick<ApiKeyRecord, 'id'>>(
  keys: readonly Key[],
  isMeant: (key: Key) => boolean,
  toFinding: (names: string, isOne: boolean) => Finding,
): readonly Finding[] {
  const names = keys.filter(isMeant).map(({ id }) => id);
  if (names.length === 0) return [];
  return [names.length === 1 ? toFinding(`Key ${names[0]}`, true) : toFinding(`Keys ${listNames(names)}`, false)];
}

async function withStoredKeys(
  subject: Subject,
  judge: (rows: readonly KeyRow[]) => readonly Finding[],
): Promise<readonly Finding[]> {
  const { environment, dataDir } = subject;
  if (databaseState(subject) === 'closed') return [notSeen(databaseFile(dataDir))];
  const query = 'select id, expires_at, last_used_at, created_at from api_keys order by id';
  try {
    const rows = rowsSchema.parse(await peekDatabase(environment.database, query));
    if (rows.length === 0) return notApplicable('There are no keys in the database.');
    return orOk(judge(rows), rows.length === 1 ? 'One key was checked.' : `${rows.length} keys were checked.`);
  } catch (error) {
    const message = `The keys in the database cannot be read (${errorCodeOf(error) ?? 'unknown error'}).`;
    return [unknown(message, 'Run this as the user of the service, while the database can be reached.')];
  }
}
