import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { RateLimitedError } from '../../src/errors.ts';
import { LocalFailures } from '../../src/rate-limit/local-counts.ts';
import type { Limits } from '../../src/rate-limit/open-limits.ts';
import { toKeyDigest } from '../../src/rate-limit/shared-counts.ts';
import { admin, guess, newResponse, openReplica, passed, rate } from './redis-replica.ts';

/** Seconds to wait now; a try that is looked at has no outcome and is not counted as a failure. */
async function waitOf({ logIns }: Limits, address: string): Promise<number> {
  const error: unknown = await logIns.begin({ address, credential: 'x' }, newResponse()).catch((thrown) => thrown);
  return error instanceof RateLimitedError ? error.retryAfterSeconds : 0;
}

test('of many calls over two replicas exactly as many pass as the limit says', async () => {
  const one = await openReplica();
  const other = await openReplica();
  expect(one.limits.status()).toEqual({ store: 'redis', state: 'up' });
  const key = randomUUID();
  expect(await passed([one.calls, other.calls], 40, key)).toBe(rate.limit);
  expect(await passed([other.calls], 1, key)).toBe(0);
  expect(await passed([other.calls], 1, randomUUID())).toBe(1);
});

test('what remains is reported for all replicas', async () => {
  const [one, other] = [await openReplica(), await openReplica()];
  const key = randomUUID();
  await one.calls.count(key, newResponse());
  const response = newResponse();
  await other.calls.count(key, response);
  expect(response.getHeader('RateLimit')).toMatch(/^limit=5, remaining=3, reset=(60|59)$/);
  await one.calls.giveBack(key);
  await other.calls.giveBack(key);
  expect(await passed([one.calls, other.calls], 20, key)).toBe(5);
});

test('guesses at one replica make the guesser wait at the other, and a right credential that was seen does not', async () => {
  const [one, other] = [await openReplica(), await openReplica()];
  const address = `host ${randomUUID()}`;
  (await other.limits.logIns.begin({ address, credential: 'right' }, newResponse())).succeeded();
  let looked = 0;
  for (let index = 0; index < 20; index += 1) {
    const { limits } = index % 2 === 0 ? one : other;
    if ((await guess(limits, { address, credential: `wrong ${index}` })) === 0) looked += 1;
  }
  expect(looked).toBe(rate.limit + 1);
  expect(await guess(one.limits, { address, credential: 'right' })).toBe(1);
  (await other.limits.logIns.begin({ address, credential: 'right' }, newResponse())).succeeded();
  expect(await guess(one.limits, { address: `host ${randomUUID()}`, credential: 'wrong' })).toBe(0);
});

test('guesses at one account from many addresses count together over replicas', async () => {
  const [one, other] = [await openReplica(), await openReplica()];
  const account = randomUUID();
  const waits: number[] = [];
  for (let index = 0; index < 10; index += 1) {
    const { limits } = index % 2 === 0 ? one : other;
    waits.push(await guess(limits, { address: `host ${randomUUID()}`, credential: `wrong ${index}`, account }));
  }
  expect(waits).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
});

test('waits grow in Redis as they do in one process', async () => {
  const [one, other] = [await openReplica(), await openReplica()];
  const now = () => 0;
  const local = new LocalFailures(rate, { now });
  const address = `host ${randomUUID()}`;
  // Begun before anyone waits, as if they came at once.
  const attempts = await Promise.all(
    Array.from({ length: 14 }, () => one.limits.logIns.begin({ address, credential: 'wrong' }, newResponse())),
  ).catch(() => []);
  expect(attempts).toHaveLength(14);
  for (const attempt of attempts) {
    attempt.failed();
    local.add(address);
    const expected = local.waitMs(address) / 1_000;
    // Asked on the other one's connection, it may be there a little later.
    let wait: number;
    do {
      wait = await waitOf(other.limits, address);
    } while (wait < expected);
    expect(wait).toBe(expected);
  }
  expect(await waitOf(other.limits, address)).toBe(60);
});

test('keys in Redis name nobody and expire with the window', async () => {
  const { calls, limits } = await openReplica();
  const user = `user ${randomUUID()}`;
  await calls.count(user, newResponse());
  for (let index = 0; index < 6; index += 1) await guess(limits, { address: user, credential: `wrong ${index}` });
  const longest = new Map([
    [`mcpo:calls:${toKeyDigest(user)}`, 60_000],
    [`mcpo:addresses:${toKeyDigest(user)}`, 60_000],
    [`mcpo:failed-log-ins:${toKeyDigest(`address ${user}`)}`, 600_000],
    [`mcpo:failed-log-ins:wait:${toKeyDigest(`address ${user}`)}`, 1_000],
  ]);
  for (const [key, windowMs] of longest) {
    const leftMs = await admin.pTTL(key);
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(windowMs);
  }
  for await (const keys of admin.scanIterator({ MATCH: 'mcpo:*', COUNT: 1_000 })) {
    expect(keys.filter((key) => key.includes(user))).toEqual([]);
  }
});

test('giving back what has expired leaves nothing behind', async () => {
  const { calls, lines } = await openReplica();
  const key = randomUUID();
  await calls.giveBack(key);
  expect(await admin.exists(`mcpo:calls:${toKeyDigest(key)}`)).toBe(0);
  expect(await passed([calls], 20, key)).toBe(rate.limit);
  expect(lines).toEqual([]);
});

test('a Redis that forgets its scripts goes on counting', async () => {
  const { calls, lines } = await openReplica();
  const key = randomUUID();
  expect(await passed([calls], 3, key)).toBe(3);
  await admin.scriptFlush();
  expect(await passed([calls], 20, key)).toBe(2);
  expect(lines).toEqual([]);
});
