import { z } from 'zod';
import { errorCodeOf } from '../db/database-error.ts';
import { peekDatabase } from '../db/peek-database.ts';
import { parseUrl } from '../parse-url.ts';
import { createRedisConnector } from '../rate-limit/redis-link.ts';
import { type Finding, notApplicable, ok, orOk, problem, warning } from './check.ts';
import type { Subject } from './subject.ts';

const REDIS_TIMEOUT_MS = 3_000;
/** Tokens are accepted up to a minute outside of their times. */
const MAX_SKEW_MS = 60_000;
const LARGE_SKEW_MS = 20_000;

export async function checkRedis({ secrets: { redisUrl } }: Subject): Promise<readonly Finding[]> {
  if (redisUrl === undefined) return notApplicable('Redis is not used: each process counts limits for itself.');
  const time = await askRedis(redisUrl);
  if (typeof time !== 'string') return ok('Redis answers.');
  return [
    problem(
      `The Redis of MCPO_REDIS_URL cannot be used (${time}).`,
      'Check that it runs and that the URL is right; until then, each replica counts limits for itself.',
    ),
  ];
}

/** Its time in milliseconds since the epoch, or why there is none, as a code. */
async function askRedis(url: string): Promise<number | string> {
  const connection = createRedisConnector(url)(() => undefined);
  const timeout = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error('TIMEOUT ')), REDIS_TIMEOUT_MS).unref();
  });
  try {
    await Promise.race([connection.opened, timeout]);
    const answer = await Promise.race([connection.send(['TIME']), timeout]);
    const [seconds, microseconds] = z.tuple([z.coerce.number(), z.coerce.number()]).parse(answer);
    return seconds * 1_000 + microseconds / 1_000;
  } catch (error) {
    const words = error instanceof Error ? error.message : '';
    return errorCodeOf(error) ?? /^([A-Z]{3,20}) /.exec(words)?.[1] ?? 'no answer';
  } finally {
    connection.destroy();
  }
}

/** Compares with every clock that can be asked: of issuers, of PostgreSQL and of Redis. */
export async function checkClock({ secrets, environment, probe }: Subject): Promise<readonly Finding[]> {
  const clocks: { readonly whose: string; readonly offsetMs: number }[] = [];
  const { databaseUrl, redisUrl, auth } = secrets;
  const note = (whose: string, time: number, at: number) => clocks.push({ whose, offsetMs: time - at });
  for (const { issuer, keySource } of auth.issuers) {
    if (issuer === undefined || keySource.kind === 'secret' || parseUrl(issuer)?.protocol !== 'https:') continue;
    const answer = await probe(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    const time = answer.isReached ? Date.parse(answer.headers.date ?? '') : Number.NaN;
    // The header has whole seconds.
    if (answer.isReached && !Number.isNaN(time)) note(issuer, time + 500, answer.at);
  }
  if (redisUrl !== undefined) {
    const time = await askRedis(redisUrl);
    if (typeof time === 'number') note('Redis', time, Date.now());
  }
  if (databaseUrl !== undefined) {
    const query = 'select (extract(epoch from clock_timestamp()) * 1000)::float8 as time';
    const rows = await peekDatabase(environment.database, query).catch(() => []);
    const [row] = z.array(z.object({ time: z.coerce.number() })).parse(rows);
    if (row !== undefined) note('PostgreSQL', row.time, Date.now());
  }
  if (clocks.length === 0) return notApplicable('There is no other clock to compare with.');
  const advice = 'Synchronize the clocks of both machines (chrony, systemd-timesyncd).';
  const findings = clocks.flatMap(({ whose, offsetMs }): readonly Finding[] => {
    if (Math.abs(offsetMs) < LARGE_SKEW_MS) return [];
    const message = `The clock of this machine differs from that of ${whose} by ${Math.round(Math.abs(offsetMs) / 1_000)} s`;
    if (Math.abs(offsetMs) < MAX_SKEW_MS) return [warning(`${message}.`, advice)];
    return [problem(`${message}: tokens are refused as expired or not yet valid.`, advice)];
  });
  return orOk(findings, `Compared with: ${clocks.map(({ whose }) => whose).join(', ')}.`);
}
