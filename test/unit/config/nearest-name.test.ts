import { expect, test } from '@jest/globals';
import { nearestName } from '../../../src/config/nearest-name.ts';

const names = ['timeoutMs', 'startTimeoutMs', 'disabledTools', 'disabled', 'env', 'envFile', 'url', 'args'];

test.each([
  ['timoutMs', 'timeoutMs'],
  ['timeout_ms', 'timeoutMs'],
  ['TIMEOUTMS', 'timeoutMs'],
  ['disabled-tools', 'disabledTools'],
  ['agrs', 'args'],
  ['arg', 'args'],
  ['envs', 'env'],
  ['env_file', 'envFile'],
  ['headers', undefined],
  ['x', undefined],
  ['', undefined],
])('%j means %j', (word, expected) => {
  expect(nearestName(word, names)).toBe(expected);
});

test('a huge word is answered at once', () => {
  expect(nearestName('x'.repeat(1_000_000), names)).toBeUndefined();
});
