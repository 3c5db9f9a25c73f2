import { describe, expect, test } from '@jest/globals';
import { RestartPolicy } from '../../../src/process/restart-policy.ts';

const NO_JITTER = 0.5;

describe('restart policy', () => {
  test('tries at once, then after growing delays, then gives up on quick tries', () => {
    const policy = new RestartPolicy();
    const decisions = [0, 1, 2, 3, 4].map((second) => policy.next(second * 1_000, 0, NO_JITTER));
    expect(decisions.map(({ delayMs }) => delayMs)).toEqual([0, 500, 1_000, 2_000, 60_000]);
    expect(decisions.map(({ isFailed }) => isFailed)).toEqual([false, false, false, false, true]);
  });

  test('stays failed while the slow tries end at once, and forgets once a session held for a minute', () => {
    const policy = new RestartPolicy();
    for (let second = 0; second < 5; second++) policy.next(second * 1_000, 0, NO_JITTER);
    expect(policy.next(65_000, 0, NO_JITTER)).toEqual({ delayMs: 60_000, isFailed: true });
    expect(policy.next(300_000, 200_000, NO_JITTER)).toEqual({ delayMs: 0, isFailed: false });
  });

  test('spreads the delays by a fifth either way', () => {
    const delays = [0, 0.999].map((random) => {
      const policy = new RestartPolicy();
      policy.next(0, 0, random);
      return policy.next(1, 0, random).delayMs;
    });
    expect(delays[0]).toBeCloseTo(400, 0);
    expect(delays[1]).toBeCloseTo(600, 0);
  });
});
