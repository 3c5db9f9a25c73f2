import { expect, test } from '@jest/globals';
import { FairTurns, shareOfOne } from '../../../src/turns/fair-turns.ts';

const never = () => new AbortController().signal;
const limits = { maxRunning: 4, maxRunningOfOne: 3, maxWaiting: 8 };

/** Waits for a place and notes when it has come. */
function wait(turns: FairTurns, order: string[], name: string, call: number, signal = never()): void {
  const turn = turns.wait(name, signal);
  if (typeof turn === 'string') order.push(`${name}: ${turn}`);
  else void turn.then((isTurn) => order.push(isTurn ? `${name} ${call}` : `${name} ${call} left`));
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('one holder leaves a place for others, however many it asks for', () => {
  const turns = new FairTurns(limits);
  expect(['a', 'a', 'a', 'a', 'b', 'b'].map((name) => turns.tryTake(name))).toEqual([
    true,
    true,
    true,
    false,
    true,
    false,
  ]);
  expect(turns.running).toBe(4);
});

test('who waits is served one holder after the other, and of one holder in the order of coming', async () => {
  const turns = new FairTurns({ ...limits, maxRunning: 1, maxRunningOfOne: 1 });
  const order: string[] = [];
  turns.tryTake('a');
  for (let call = 1; call <= 4; call += 1) wait(turns, order, 'a', call);
  for (let call = 1; call <= 2; call += 1) wait(turns, order, 'b', call);
  wait(turns, order, 'c', 1);
  turns.release('a');
  for (const next of ['a', 'b', 'c', 'a', 'b', 'a', 'a']) {
    await settle();
    turns.release(next);
  }
  expect(order).toEqual(['a 1', 'b 1', 'c 1', 'a 2', 'b 2', 'a 3', 'a 4']);
  expect(turns.running).toBe(0);
});

test('a place goes past a holder that has all that one may have', async () => {
  const turns = new FairTurns(limits);
  const order: string[] = [];
  for (const name of ['a', 'a', 'a', 'b']) turns.tryTake(name);
  wait(turns, order, 'a', 1);
  wait(turns, order, 'c', 1);
  turns.release('b');
  await settle();
  expect([order, turns.running]).toEqual([['c 1'], 4]);
  turns.release('c');
  await settle();
  // Only its own place can be handed to it.
  expect([order, turns.running]).toEqual([['c 1'], 3]);
  turns.release('a');
  await settle();
  expect(order).toEqual(['c 1', 'a 1']);
});

test('the queue is bounded, in all and of one holder', () => {
  const turns = new FairTurns({ ...limits, maxRunning: 1, maxRunningOfOne: 1 });
  const order: string[] = [];
  turns.tryTake('x');
  for (let call = 1; call <= 7; call += 1) wait(turns, order, 'a', call);
  for (let call = 1; call <= 3; call += 1) wait(turns, order, 'b', call);
  expect(order).toEqual(['a: full-of-one', 'b: full']);
});

test('who leaves gives its turn to the next and is forgotten', async () => {
  const turns = new FairTurns({ ...limits, maxRunning: 1, maxRunningOfOne: 1 });
  const order: string[] = [];
  const leaving = new AbortController();
  turns.tryTake('a');
  wait(turns, order, 'b', 1, leaving.signal);
  wait(turns, order, 'c', 1);
  leaving.abort();
  turns.release('a');
  await settle();
  expect(order).toEqual(['b 1 left', 'c 1']);
});

test('places that are taken stay so when there are fewer, and more are handed out at once', async () => {
  const turns = new FairTurns({ ...limits, maxRunning: 2, maxRunningOfOne: 1 });
  const order: string[] = [];
  turns.tryTake('a');
  turns.tryTake('b');
  for (const name of ['a', 'b', 'c']) wait(turns, order, name, 1);
  turns.resize({ ...limits, maxRunning: 3, maxRunningOfOne: 2 });
  await settle();
  expect([order, turns.running]).toEqual([['a 1'], 3]);
  turns.resize({ ...limits, maxRunning: 1, maxRunningOfOne: 1 });
  turns.release('a');
  turns.release('a');
  await settle();
  expect([order, turns.running]).toEqual([['a 1'], 1]);
});

test('a quarter stays free, and one place at least where there are two', () => {
  expect([1, 2, 3, 4, 8, 64].map(shareOfOne)).toEqual([1, 1, 2, 3, 6, 48]);
});
