import { expect, test } from '@jest/globals';
import { StderrLog } from '../../../src/servers/stderr-log.ts';

const texts = (log: StderrLog) => log.lines().map(({ text }) => text);

test('keeps the last fifty lines, with the time of each', () => {
  const log = new StderrLog();
  const before = Date.now();
  for (let number = 1; number <= 60; number += 1) log.add(`line ${number}`);
  expect(texts(log)).toEqual(Array.from({ length: 50 }, (_, index) => `line ${index + 11}`));
  expect(log.lines().every(({ at }) => at >= before && at <= Date.now())).toBe(true);
});

test('keeps fewer lines where they are long', () => {
  const log = new StderrLog();
  for (let number = 1; number <= 60; number += 1) log.add(String(number).padEnd(2_000, 'x'));
  expect(texts(log).join('').length).toBe(16_000);
  expect(log.lines()).toHaveLength(8);
  expect(texts(log).at(-1)).toMatch(/^60x/);
});

test('a line cannot steer a terminal or turn the order of a text', () => {
  const log = new StderrLog();
  log.add('\u0007a\tb\r\u009b31m\u202ec\u2066d\u200f\u0000');
  expect(texts(log)).toEqual(['a\tb31mcd']);
});
