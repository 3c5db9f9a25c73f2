import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, expect, jest, test } from '@jest/globals';
import { RateLimitedError } from '../../../src/errors.ts';
import { toAddressKey } from '../../../src/rate-limit/address-key.ts';
import { LocalStore } from '../../../src/rate-limit/local-counts.ts';
import { RateLimit } from '../../../src/rate-limit/rate-limit.ts';

const rate = { limit: 3, windowMs: 60_000 };
const tooMuch = 'Too many calls from you';
const newResponse = () => new ServerResponse(new IncomingMessage(new Socket()));

afterEach(() => void jest.useRealTimers());

async function refusal(limit: RateLimit, key: string, response = newResponse()): Promise<RateLimitedError> {
  const error = await limit.count(key, response).catch((thrown: unknown) => thrown);
  if (!(error instanceof RateLimitedError)) throw new Error('was not refused');
  return error;
}

test('counts down in the headers, refuses one too many, and begins anew after the window', async () => {
  jest.useFakeTimers({ now: 0, doNotFake: ['nextTick', 'queueMicrotask'] });
  const limit = new RateLimit({ rate, tooMuch });
  for (const remaining of [2, 1, 0]) {
    const response = newResponse();
    await limit.count('ada', response);
    expect(response.getHeader('RateLimit')).toBe(`limit=3, remaining=${remaining}, reset=60`);
    expect(response.getHeader('RateLimit-Policy')).toBe('3;w=60');
    expect(response.getHeader('Retry-After')).toBeUndefined();
  }
  jest.setSystemTime(20_500);
  const response = newResponse();
  const error = await refusal(limit, 'ada', response);
  expect(error.message).toBe('Too many calls from you; try again in 40 s.');
  expect(error.retryAfterSeconds).toBe(40);
  expect(response.getHeader('RateLimit')).toBe('limit=3, remaining=0, reset=40');
  expect(response.getHeader('Retry-After')).toBe('40');
  expect(response.headersSent).toBe(false);

  await limit.count('bob', newResponse());
  jest.setSystemTime(60_001);
  await limit.count('ada', newResponse());
});

test('what was given back does not count', async () => {
  const limit = new RateLimit({ rate, tooMuch });
  for (let index = 0; index < 10; index += 1) {
    await limit.count('ada', newResponse());
    await limit.giveBack('ada');
  }
});

test('two limits on one response do not disturb each other', async () => {
  const response = newResponse();
  await new RateLimit({ rate: { limit: 9, windowMs: 1_000 }, tooMuch }).count('a', response);
  await new RateLimit({ rate, tooMuch }).count('a', response);
  expect(response.getHeader('RateLimit-Policy')).toBe('3;w=60');
});

test('names like those of prototypes are only names', async () => {
  const limit = new RateLimit({ rate: { limit: 1, windowMs: 60_000 }, tooMuch });
  for (const key of ['__proto__', 'constructor', '']) {
    await limit.count(key, newResponse());
    await refusal(limit, key);
  }
});

test('a store never holds more than so many keys, and drops those whose window has ended', () => {
  let now = 0;
  const store = new LocalStore({ maxKeys: 100, now: () => now });
  store.init({ windowMs: 1_000 });
  for (let index = 0; index < 1_000; index += 1) store.increment(`k${index}`);
  expect(store.size).toBe(100);
  expect(store.increment('k999').totalHits).toBe(2);
  expect(store.increment('k0').totalHits).toBe(1);
  now = 1_000;
  for (let index = 0; index < 100; index += 1) store.increment(`n${index % 2}`);
  expect(store.size).toBeLessThan(100);
  for (let index = 0; index < 60; index += 1) store.increment(`m${index}`);
  expect(store.size).toBe(62);
});

test('an IPv6 address counts with its /64, an IPv4 one alone', () => {
  expect(toAddressKey('2001:db8::1')).toBe(toAddressKey('2001:db8::ffff:0:1'));
  expect(toAddressKey('2001:db8:0:1::1')).not.toBe(toAddressKey('2001:db8::1'));
  expect(toAddressKey('192.0.2.1')).toBe('192.0.2.1');
  expect(toAddressKey('192.0.2.1')).not.toBe(toAddressKey('192.0.2.2'));
  expect(toAddressKey('unknown')).toBe('unknown');
});
