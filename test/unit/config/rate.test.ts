import { expect, test } from '@jest/globals';
import { parseRate } from '../../../src/config/rate.ts';

test.each([
  ['6000/1m', { limit: 6000, windowMs: 60_000 }],
  [' 10 / 30s ', { limit: 10, windowMs: 30_000 }],
  ['5/H', { limit: 5, windowMs: 3_600_000 }],
  ['1/24h', { limit: 1, windowMs: 86_400_000 }],
  ['off', 'off'],
  ['OFF', 'off'],
])('%j', (text, expected) => expect(parseRate(text)).toEqual(expected));

test.each(['', '0/1m', '10', '10/', '10/0s', '10/1d', '-1/1m', '1.5/1m', '10/25h', '1e3/1m', '9999999999/1m'])(
  '%j is none',
  (text) => expect(parseRate(text)).toBeUndefined(),
);
