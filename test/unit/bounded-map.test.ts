import { expect, test } from '@jest/globals';
import { BoundedMap } from '../../src/bounded-map.ts';

test('holds so many entries at most, and evicts the one set or used least recently', () => {
  const evicted: number[] = [];
  const map = new BoundedMap<string, number>(2, (value) => void evicted.push(value));
  map.set('a', 1).set('b', 2);
  expect(map.use('a')).toBe(1);
  map.set('c', 3);
  expect([...map]).toEqual([
    ['a', 1],
    ['c', 3],
  ]);
  map.set('a', 4).set('d', 5);
  expect(evicted).toEqual([2, 3]);
  expect(map.use('b')).toBeUndefined();
});

test('of size 0 holds nothing', () => {
  expect(new BoundedMap<string, number>(0).set('a', 1).size).toBe(0);
});

test('drops two of the oldest entries that are over', () => {
  const map = new BoundedMap<string, number>(9);
  map.set('a', 1).set('b', 2).set('c', 3).set('d', 9);
  map.dropOldest((value) => value < 5);
  expect([...map.values()]).toEqual([3, 9]);
  map.dropOldest((value) => value < 5);
  map.dropOldest((value) => value < 5);
  expect([...map.values()]).toEqual([9]);
});
