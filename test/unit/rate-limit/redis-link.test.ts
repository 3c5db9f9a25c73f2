import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { RedisLink } from '../../../src/rate-limit/redis-link.ts';
import { createLog, FakeRedis } from './fake-redis.ts';

const DOWN = 'warn Redis cannot be used: until it answers, limits hold for each replica alone';
const UP = 'info Redis answers again: limits hold over all replicas';

beforeEach(() => void jest.useFakeTimers({ now: 0, doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] }));
afterEach(() => void jest.useRealTimers());

function createLink() {
  const redis = new FakeRedis();
  const { lines, logger } = createLog();
  const prepare = async (send: (command: readonly string[]) => Promise<unknown>) => void (await send(['PREPARE']));
  const link = new RedisLink({ connect: redis.connect, prepare, logger });
  return { redis, lines, link, ping: () => link.run((send) => send(['PING'])) };
}

test('a connection is prepared before it is used, and nothing is said of what goes well', async () => {
  const { redis, lines, link, ping } = createLink();
  expect(await ping()).toBeUndefined();
  await link.start();
  expect(link.isUp).toBe(true);
  expect(await ping()).toBe('OK');
  expect(redis.commands).toEqual([['PREPARE'], ['PING']]);
  expect(lines).toEqual([]);
});

test('no one waits longer than 250 ms for a Redis that hangs, and after the first one nobody does', async () => {
  const { redis, lines, link, ping } = createLink();
  await link.start();
  redis.mode = 'hangs';
  const first = ping();
  await jest.advanceTimersByTimeAsync(100);
  const second = ping();
  await jest.advanceTimersByTimeAsync(149);
  expect(link.isUp).toBe(true);
  await jest.advanceTimersByTimeAsync(1);
  expect(await Promise.all([first, second])).toEqual([undefined, undefined]);
  expect(link.isUp).toBe(false);
  expect(redis.open.size).toBe(0);
  expect(await ping()).toBeUndefined();
  expect(lines).toEqual([`${DOWN} no answer in time`]);
});

test('a start does not wait for a Redis that hangs; the attempt is given up and made again', async () => {
  const { redis, lines, link, ping } = createLink();
  redis.mode = 'hangs';
  const started = link.start();
  await jest.advanceTimersByTimeAsync(250);
  await started;
  expect(lines).toEqual([]);
  await jest.advanceTimersByTimeAsync(1_750);
  expect(lines).toEqual([`${DOWN} no answer in time`]);
  redis.mode = 'answers';
  await jest.advanceTimersByTimeAsync(200);
  expect(redis.attempts).toBe(2);
  expect(await ping()).toBe('OK');
  expect(lines.slice(1)).toEqual([UP]);
});

test('it is asked again after growing delays, and an outage is reported once, without the text of errors', async () => {
  const { redis, lines, link, ping } = createLink();
  redis.mode = 'refuses';
  await link.start();
  const attemptsAfter: number[] = [];
  for (const seconds of [1, 10, 60, 600]) {
    await jest.advanceTimersByTimeAsync(seconds * 1_000 - (jest.now() % 1_000));
    attemptsAfter.push(redis.attempts);
  }
  expect(attemptsAfter[0]).toBeGreaterThanOrEqual(3);
  expect(attemptsAfter[0]).toBeLessThanOrEqual(4);
  const [, , inTheMinute = 0, atLast = 0] = attemptsAfter;
  // Of 600 s, with 11.25 to 15 s between two.
  expect(atLast - inTheMinute).toBeGreaterThanOrEqual(39);
  expect(atLast - inTheMinute).toBeLessThanOrEqual(55);
  expect(lines).toEqual([`${DOWN} ECONNREFUSED`]);
  redis.mode = 'answers';
  await jest.advanceTimersByTimeAsync(15_000);
  expect(lines).toEqual([`${DOWN} ECONNREFUSED`, UP]);
  expect(await ping()).toBe('OK');
});

test('an error reply makes it down, and a connection that cannot be prepared is not used', async () => {
  const { redis, lines, link, ping } = createLink();
  await link.start();
  redis.mode = 'refuses commands';
  expect(await ping()).toBeUndefined();
  expect(link.isUp).toBe(false);
  await jest.advanceTimersByTimeAsync(5_000);
  expect(redis.attempts).toBeGreaterThan(2);
  expect(redis.open.size).toBe(0);
  expect(link.isUp).toBe(false);
  expect(lines).toEqual([`${DOWN} OOM`]);
});

test('a connection that ends by itself is noticed without a command, and only the one in use counts', async () => {
  const { redis, lines, link } = createLink();
  await link.start();
  const [old] = redis.open;
  old?.cut(new Error('Socket closed unexpectedly at 192.0.2.7'));
  expect(link.isUp).toBe(false);
  await jest.advanceTimersByTimeAsync(400);
  expect(link.isUp).toBe(true);
  old?.cut();
  expect(link.isUp).toBe(true);
  expect(lines).toEqual([`${DOWN} the connection ended`, UP]);
});

test('a Redis that comes and goes is asked less and less often, until it was up for long', async () => {
  const { redis, link } = createLink();
  await link.start();
  const cutAndWait = async (ms: number) => {
    for (const { cut } of [...redis.open]) cut();
    await jest.advanceTimersByTimeAsync(ms);
    return link.isUp;
  };
  for (let index = 0; index < 5; index += 1) expect(await cutAndWait(200 * 2 ** index)).toBe(true);
  expect(await cutAndWait(200)).toBe(false);
  await jest.advanceTimersByTimeAsync(40_000);
  expect(await cutAndWait(200)).toBe(true);
});

test('after close nothing is asked, opened or said any more', async () => {
  for (const mode of ['answers', 'refuses', 'hangs'] as const) {
    const { redis, lines, link, ping } = createLink();
    redis.mode = mode;
    const started = link.start();
    await jest.advanceTimersByTimeAsync(0);
    link.close();
    const { attempts } = redis;
    const said = lines.length;
    await jest.advanceTimersByTimeAsync(60_000);
    await started;
    expect(await ping()).toBeUndefined();
    expect(redis.open.size).toBe(0);
    expect(redis.attempts).toBe(attempts);
    expect(lines).toHaveLength(said);
  }
});
