import { expect, test } from '@jest/globals';
import { ServerUnavailableError } from '../../../../src/errors.ts';
import { BodyBudget } from '../../../../src/http/tool-call/read-body.ts';

const FREE = 16 * 1024;

test('small bodies are free, large ones count until they are released', () => {
  const budget = new BodyBudget(1_000);
  const small = budget.hold('ann');
  small.grow(FREE);
  expect(budget.held).toBe(0);
  const large = budget.hold('ann');
  large.grow(FREE + 300);
  large.grow(FREE + 700);
  expect(budget.held).toBe(700);
  large.release();
  large.release();
  expect(budget.held).toBe(0);
});

test('one caller leaves a quarter to all others, who have no more than there is', () => {
  const budget = new BodyBudget(1_000);
  const ann = budget.hold('ann');
  ann.grow(FREE + 750);
  const more = budget.hold('ann');
  expect(() => more.expect(FREE + 1)).toThrow(ServerUnavailableError);
  expect(() => more.grow(FREE + 1)).toThrow(ServerUnavailableError);
  more.release();
  const bob = budget.hold('bob');
  bob.grow(FREE + 250);
  expect(() => bob.grow(FREE + 251)).toThrow(ServerUnavailableError);
  ann.release();
  bob.grow(FREE + 750);
  expect(budget.held).toBe(750);
});
