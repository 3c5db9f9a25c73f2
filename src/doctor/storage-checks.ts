import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { errorCodeOf, postgresProblem } from '../db/database-error.ts';
import { databaseFile } from '../db/database-file.ts';
import { migrationNames } from '../db/migrations.ts';
import { peekDatabase } from '../db/peek-database.ts';
import { parseUrl } from '../parse-url.ts';
import { type Check, type Finding, notApplicable, ok, orOk, problem, unknown, warning } from './check.ts';
import { isLoopback } from './hosts.ts';
import { databaseState, notSeen } from './look.ts';
import { checkClock, checkRedis } from './redis-and-clock.ts';
import type { Subject } from './subject.ts';

const DAY_MS = 86_400_000;
const BACKUP_DAYS = 7;
const MIB = 1024 * 1024;
const FULL_BYTES = 100 * MIB;
const LOW_BYTES = 1024 * MIB;

/** Database, Redis, space and time. */
export const storageChecks: readonly Check[] = [
  { id: 'database', group: 'storage', title: 'The database can be read', worst: 'problem', run: checkDatabase },
  {
    id: 'database-tls',
    group: 'storage',
    title: 'The connection to PostgreSQL is encrypted',
    worst: 'problem',
    run: checkDatabaseTls,
  },
  {
    id: 'migrations',
    group: 'storage',
    title: 'The tables are those of this version',
    worst: 'problem',
    run: checkMigrations,
  },
  { id: 'redis', group: 'storage', title: 'Redis answers', worst: 'problem', run: checkRedis },
  {
    id: 'redis-tls',
    group: 'storage',
    title: 'The connection to Redis is encrypted',
    worst: 'warning',
    run: ({ secrets: { redisUrl } }) => {
      const url = redisUrl === undefined ? undefined : parseUrl(redisUrl);
      if (url === undefined) return notApplicable('Redis is not used.');
      if (url.protocol === 'rediss:' || isLoopback(url.hostname))
        return ok(url.protocol === 'rediss:' ? 'It uses TLS.' : 'Redis is on this machine.');
      return [
        warning(
          `MCPO_REDIS_URL leads to ${url.hostname} without TLS: its password can be read on the way.`,
          'Use rediss://, or a network of containers that nobody else is in.',
        ),
      ];
    },
  },
  {
    id: 'backup',
    group: 'storage',
    title: `The last backup is at most ${BACKUP_DAYS} days old`,
    worst: 'warning',
    run: checkBackup,
  },
  {
    id: 'disk-space',
    group: 'storage',
    title: 'There is space for the database and the audit log',
    worst: 'problem',
    run: ({ dataDir, settings: { audit } }) => {
      const folders = [dataDir, ...(audit.file === undefined ? [] : [dirname(audit.file)])].filter((folder) =>
        existsSync(folder),
      );
      if (folders.length === 0) return notApplicable(`${dataDir} does not exist yet.`);
      return orOk(folders.flatMap(judgeSpace), `${folders.join(' and ')}: more than ${LOW_BYTES / MIB} MiB are free.`);
    },
  },
  { id: 'clock', group: 'platform', title: 'The clock is right', worst: 'problem', run: checkClock },
];

async function checkDatabase(subject: Subject): Promise<readonly Finding[]> {
  const { environment, secrets } = subject;
  const { database } = environment;
  const place = databaseState(subject);
  if (place === 'missing') return notApplicable('There is none yet; the first start makes it.');
  if (place === 'closed') return [notSeen(databaseFile(database.dataDir))];
  try {
    await peekDatabase(database, 'select 1 as one');
    if (secrets.databaseUrl !== undefined) return ok('PostgreSQL answers.');
    const [row] = z
      .array(z.object({ quick_check: z.string() }))
      .parse(await peekDatabase(database, 'pragma quick_check(1)'));
    if (row?.quick_check === 'ok') return ok(`${databaseFile(database.dataDir)} is intact.`);
    return [
      problem(
        `${databaseFile(database.dataDir)} is damaged.`,
        'Stop the service, keep a copy of the file, and restore the last backup ("mcpo-ts restore").',
      ),
    ];
  } catch (error) {
    if (secrets.databaseUrl !== undefined)
      return [
        problem(
          postgresProblem(error),
          'The service keeps what it has in memory meanwhile; values of users and new keys cannot be read.',
        ),
      ];
    return [unreadable(error, database.dataDir)];
  }
}

function unreadable(error: unknown, dataDir: string): Finding {
  const code = errorCodeOf(error) ?? 'unknown error';
  const message = `${databaseFile(dataDir)} cannot be read (${code}).`;
  return code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB'
    ? problem(message, 'Stop the service, keep a copy of the file, and restore the last backup ("mcpo-ts restore").')
    : unknown(message, 'Run this as the user of the service.');
}

async function checkDatabaseTls({ environment, secrets: { databaseUrl } }: Subject): Promise<readonly Finding[]> {
  if (databaseUrl === undefined) return notApplicable('The database is a file.');
  const { hostname = '', searchParams } = parseUrl(databaseUrl) ?? {};
  const host = searchParams?.get('host') ?? hostname;
  if (host === '' || host.startsWith('/') || isLoopback(host)) return ok('PostgreSQL is on this machine.');
  const advice = 'Add ?sslmode=verify-full to MCPO_DATABASE_URL, with &sslrootcert=FILE for an authority of your own.';
  if (searchParams?.get('sslmode') === 'no-verify') {
    return [warning(`The certificate of ${host} is not verified (sslmode=no-verify).`, advice)];
  }
  try {
    const query = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';
    const [row] = z.array(z.object({ ssl: z.boolean() })).parse(await peekDatabase(environment.database, query));
    if (row?.ssl === true) return ok(`The connection to ${host} uses TLS.`);
    return [
      problem(
        `The connection to ${host} does not use TLS: its password and everything else can be read on the way.`,
        advice,
      ),
    ];
  } catch {
    const isAsked = /^(require|verify-ca|verify-full)$/.test(searchParams?.get('sslmode') ?? '');
    return isAsked
      ? ok('MCPO_DATABASE_URL asks for TLS.')
      : [warning(`MCPO_DATABASE_URL does not ask for TLS, and ${host} is another machine.`, advice)];
  }
}

async function checkMigrations(subject: Subject): Promise<readonly Finding[]> {
  const { environment, running } = subject;
  const { database } = environment;
  const place = databaseState(subject);
  if (place === 'missing') return notApplicable('There is no database yet.');
  if (place === 'closed') return [notSeen(databaseFile(database.dataDir))];
  try {
    const rows = z
      .array(z.object({ name: z.string() }))
      .parse(await peekDatabase(database, 'select name from kysely_migration'));
    const applied = new Set(rows.map(({ name }) => name));
    const known = migrationNames;
    const newer = [...applied].filter((name) => !known.includes(name));
    const missing = known.filter((name) => !applied.has(name));
    if (newer.length > 0) {
      return [
        problem(
          `A newer version of mcpo-ts has changed the tables (${newer.join(', ')}).`,
          'Run that version, or restore a backup from before it.',
        ),
      ];
    }
    if (missing.length === 0) return ok(`All ${known.length} migrations are applied.`);
    const advice =
      running.length > 0
        ? 'A service of an older version runs; restart it with this one.'
        : 'The next start applies them.';
    return [warning(`${missing.length} of ${known.length} migrations are not applied.`, advice)];
  } catch (error) {
    return [
      unknown(
        `The state of the tables cannot be read (${errorCodeOf(error) ?? 'unknown error'}).`,
        'See the check "database".',
      ),
    ];
  }
}

async function checkBackup(subject: Subject): Promise<readonly Finding[]> {
  const { environment, now } = subject;
  const { database } = environment;
  const place = databaseState(subject);
  if (place === 'missing') return notApplicable('There is nothing to back up yet.');
  if (place === 'closed') return [notSeen(databaseFile(database.dataDir))];
  const advice = 'Run "mcpo-ts backup FILE" from a timer, and keep the file on another machine.';
  try {
    const rows = await peekDatabase(database, 'select finished_at from last_backup order by finished_at desc limit 1');
    const [row] = z.array(z.object({ finished_at: z.coerce.number() })).parse(rows);
    if (row === undefined) return [warning('No backup was ever made with "mcpo-ts backup".', advice)];
    const days = Math.floor((now - row.finished_at) / DAY_MS);
    const day = new Date(row.finished_at).toISOString().slice(0, 10);
    if (days <= BACKUP_DAYS) return ok(`The last backup is of ${day}.`);
    return [warning(`The last backup is ${days} days old, of ${day}.`, advice)];
  } catch (error) {
    return [
      unknown(
        `The time of the last backup cannot be read (${errorCodeOf(error) ?? 'unknown error'}).`,
        'See the check "database".',
      ),
    ];
  }
}

function judgeSpace(folder: string): readonly Finding[] {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free >= LOW_BYTES) return [];
  const message = `${folder} has ${Math.floor(free / MIB)} MiB left.`;
  const advice = 'Make room: rotate the audit log ("retentionDays"), or move the folder to a larger disk.';
  return [free < FULL_BYTES ? problem(message, advice) : warning(message, advice)];
}
