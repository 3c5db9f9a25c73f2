import { afterAll } from '@jest/globals';
import { fixture, startService, test, waitFor } from '../e2e/harness.ts';
import { scrape } from '../e2e/scrape.ts';
import { startProxy } from './cuttable-proxy.ts';
import { makePostgresDatabase } from './postgres-database.ts';

const redisUrl = process.env.MCPO_TEST_REDIS_URL ?? 'redis://127.0.0.1:6379';
const database = await makePostgresDatabase();
const postgres = await startProxy(database.databaseUrl);
const redis = await startProxy(redisUrl);
afterAll(async () => {
  await Promise.all([postgres.close(), redis.close()]);
  await database.remove();
});

test('whether PostgreSQL and Redis answer is in each scrape, which never waits long for them', async () => {
  const service = await startService({
    servers: { answers: fixture('answers.js') },
    env: { MCPO_DATABASE_URL: postgres.url, MCPO_REDIS_URL: redis.url },
  });
  const until = (metric: string, value: number) =>
    waitFor(async () => (await scrape(service)).get(metric) === value, 20_000, `${metric} to be ${value}`);
  await until('mcpo_database_up', 1);
  await until('mcpo_redis_up', 1);
  for (const interrupt of ['cut', 'swallow'] as const) {
    postgres[interrupt]();
    redis[interrupt]();
    // The call is what finds out about Redis.
    await service.call('answers', 'text');
    await until('mcpo_database_up', 0);
    await until('mcpo_redis_up', 0);
    postgres.restore();
    redis.restore();
    await until('mcpo_database_up', 1);
    await until('mcpo_redis_up', 1);
  }
}, 120_000);
