import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { RateLimitedError } from '../../../src/errors.ts';
import { LocalFailures } from '../../../src/rate-limit/local-counts.ts';
import { type LogIn, LogInLimits } from '../../../src/rate-limit/log-in-limits.ts';
import { RateLimit } from '../../../src/rate-limit/rate-limit.ts';

const RIGHT = 'the right key';
const failures = { limit: 60, windowMs: 60_000 };

/** A service with one right key; says what a try ended in. */
function createService(options: Partial<ConstructorParameters<typeof LogInLimits>[0]> = {}) {
  const clock = { now: 1_000_000 };
  const now = () => clock.now;
  const limits = new LogInLimits({ failures: new LocalFailures(failures, { now }), now, ...options });
  const evaluated: string[] = [];
  const logIn = async (credential: string | undefined, address: string, more: Partial<LogIn> = {}) => {
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    try {
      const attempt = await limits.begin({ address, credential, ...more }, response);
      evaluated.push(credential ?? '');
      if (credential === RIGHT) attempt.succeeded();
      else attempt.failed();
      return credential === RIGHT ? 'in' : 'wrong';
    } catch (error) {
      if (error instanceof RateLimitedError) return error.retryAfterSeconds;
      throw error;
    }
  };
  return { limits, logIn, clock, evaluated };
}

test('a right key keeps working from the very address from which 1,000 wrong ones come', async () => {
  const { logIn, evaluated } = createService();
  expect(await logIn(RIGHT, '192.0.2.1')).toBe('in');
  const outcomes = new Map<unknown, number>();
  for (let index = 0; index < 1_000; index += 1) {
    const outcome = await logIn(`wrong ${index}`, '192.0.2.1');
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    expect(await logIn(RIGHT, '192.0.2.1')).toBe('in');
  }
  expect([...outcomes]).toEqual([
    ['wrong', 61],
    [1, 939],
  ]);
  expect(evaluated.filter((credential) => credential !== RIGHT)).toHaveLength(61);
});

test('a right key never seen before works from elsewhere, and here after the wait', async () => {
  const { logIn, clock } = createService();
  for (let index = 0; index < 100; index += 1) await logIn(`wrong ${index}`, '192.0.2.1');
  expect(await logIn(RIGHT, '192.0.2.2')).toBe('in');

  const other = createService();
  for (let index = 0; index < 100; index += 1) await other.logIn(`wrong ${index}`, '192.0.2.1');
  expect(await other.logIn(RIGHT, '192.0.2.1')).toBe(1);
  other.clock.now += 1_000;
  expect(await other.logIn(RIGHT, '192.0.2.1')).toBe('in');
  expect(clock.now).toBe(1_000_000);
});

test('the wait doubles with each failure, up to the window; right ones of others do not shorten it', async () => {
  const { logIn, clock } = createService();
  for (let index = 0; index < 61; index += 1) await logIn(`wrong ${index}`, '192.0.2.1');
  const waits: unknown[] = [];
  for (let index = 0; index < 9; index += 1) {
    const wait = Number(await logIn('again', '192.0.2.1'));
    waits.push(wait);
    expect(await logIn(RIGHT, '192.0.2.9')).toBe('in');
    clock.now += wait * 1_000 - 1;
    expect(await logIn('again', '192.0.2.1')).toBe(1);
    clock.now += 1;
    expect(await logIn('again', '192.0.2.1')).toBe('wrong');
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  clock.now += 10 * failures.windowMs;
  for (let index = 0; index < 61; index += 1) expect(await logIn(`w ${index}`, '192.0.2.1')).toBe('wrong');
});

test('two clients behind one proxy: the one that guesses is slowed down, the other not', async () => {
  const { logIn } = createService();
  const proxy = '10.0.0.1';
  await logIn(RIGHT, proxy);
  for (let index = 0; index < 200; index += 1) await logIn(`wrong ${index}`, proxy);
  expect(await logIn('wrong', proxy)).toEqual(expect.any(Number));
  expect(await logIn(RIGHT, proxy)).toBe('in');
});

test('guessing one account from many addresses is slowed down, and its owner is not', async () => {
  const { logIn } = createService();
  const account = 'key-7';
  await logIn(RIGHT, '192.0.2.1', { account });
  const outcomes = new Set<unknown>();
  for (let index = 0; index < 100; index += 1)
    outcomes.add(await logIn(`wrong ${index}`, `198.51.100.${index}`, { account }));
  expect(outcomes).toEqual(new Set(['wrong', 1]));
  expect(await logIn(RIGHT, '192.0.2.1', { account })).toBe('in');
  expect(await logIn('wrong', '198.51.100.200', { account: 'another' })).toBe('wrong');
});

test('signed tokens are always looked at; nothing presented is no failure', async () => {
  const { logIn } = createService();
  for (let index = 0; index < 100; index += 1) expect(await logIn(undefined, '192.0.2.1')).toBe('wrong');
  expect(await logIn('wrong', '192.0.2.1')).toBe('wrong');
  for (let index = 0; index < 100; index += 1) {
    expect(await logIn('a.b.c', '192.0.2.1', { isSigned: true })).toBe('wrong');
  }
  expect(await logIn('wrong', '192.0.2.1')).toEqual(expect.any(Number));
});

test('a revoked key is no longer known; the key of a service whose user was not believed stays', async () => {
  const { limits, logIn } = createService();
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const address = '192.0.2.1';
  await logIn(RIGHT, address);
  for (let index = 0; index < 100; index += 1) {
    (await limits.begin({ address, credential: RIGHT }, response)).failed({ isKeyRight: true });
  }
  (await limits.begin({ address, credential: RIGHT }, response)).failed();
  await expect(limits.begin({ address, credential: RIGHT }, response)).rejects.toThrow(RateLimitedError);
});

test('requests of unknown senders are limited by address; those that get in are not counted', async () => {
  const requests = new RateLimit({ rate: { limit: 5, windowMs: 60_000 }, tooMuch: 'Too many requests' });
  const { logIn } = createService({ requests, failures: undefined });
  for (let index = 0; index < 50; index += 1) expect(await logIn(RIGHT, '192.0.2.1')).toBe('in');
  for (let index = 0; index < 5; index += 1) expect(await logIn(undefined, '192.0.2.1')).toBe('wrong');
  expect(await logIn(undefined, '192.0.2.1')).toEqual(expect.any(Number));
  expect(await logIn('new', '192.0.2.1')).toEqual(expect.any(Number));
  expect(await logIn(RIGHT, '192.0.2.1')).toBe('in');
  expect(await logIn(undefined, '192.0.2.2')).toBe('wrong');
});

test('as many failures as the setting allows never make anyone wait', () => {
  const clock = { now: 0 };
  const failed = new LocalFailures(failures, { now: () => clock.now });
  for (let index = 0; index < 1_000; index += 1) {
    failed.add('a');
    clock.now += 1_000;
    expect(failed.waitMs('a')).toBe(0);
  }
});

test('a flood of addresses takes bounded memory', () => {
  const failed = new LocalFailures(failures, { maxKeys: 100 });
  for (let index = 0; index < 1_000; index += 1) failed.add(`address ${index}`);
  expect(failed.size).toBe(100);
});

test('a flood of right credentials takes bounded memory: the least recent ones are no longer known', async () => {
  const { limits, logIn } = createService();
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const address = '192.0.2.1';
  for (let index = 0; index <= 10_000; index += 1) {
    (await limits.begin({ address, credential: `key ${index}` }, response)).succeeded();
  }
  for (let index = 0; index < 61; index += 1) await logIn(`wrong ${index}`, address);
  await expect(limits.begin({ address, credential: 'key 0' }, response)).rejects.toThrow(RateLimitedError);
  await limits.begin({ address, credential: 'key 1' }, response);
});
