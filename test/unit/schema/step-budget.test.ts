import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { StepBudget, TooComplexError } from '../../../src/schema/check/step-budget.ts';
import { object, takes, verdictOn } from './verdicts.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a timed run', () => {
  test('ends once its steps are used up', () => {
    const budget = new StepBudget();
    budget.reset(1_000_000);
    const slow = () => /^(a+)+$/.test(`${'a'.repeat(40)}!`);
    expect(() => budget.runTimed(slow)).toThrow(TooComplexError);
  });

  test('that a pause of the process cuts off runs again', () => {
    const budget = new StepBudget();
    budget.reset(2_500_000);
    let runs = 0;
    const result = budget.runTimed(() => {
      runs += 1;
      // Longer than the budget is worth, without using the processor, as a process that is stopped.
      if (runs === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000);
      return true;
    });
    expect({ result, runs }).toEqual({ result: true, runs: 2 });
  });
});

test('repairing arguments is not bounded by a clock', () => {
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => {
    now += 60_000;
    return now;
  });
  expect(takes({ type: 'integer' }, '3')).toBe(true);
  expect(verdictOn(object({ n: { type: 'integer' } }), { n: '3' })).toEqual({ n: 3 });
});
