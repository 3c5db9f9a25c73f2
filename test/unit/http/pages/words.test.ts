import { describe, expect, test } from '@jest/globals';
import { toCount, toEnumeration, toTime, toWebUrl } from '../../../../src/http/pages/words.ts';

test('a moment is shown in UTC, and what is no date is not shown', () => {
  const expected = '<time datetime="2026-11-02T09:30:15.000Z">2026-11-02 09:30 UTC</time>';
  expect(toTime(Date.UTC(2026, 10, 2, 9, 30, 15))).toBe(expected);
  expect(toTime(undefined)).toBe('');
  expect(toTime(Number.POSITIVE_INFINITY)).toBe('');
});

test('words are counted and listed', () => {
  expect([toCount(1, 'tool'), toCount(0, 'tool')]).toEqual(['1 tool', '0 tools']);
  expect([[], ['A'], ['A', 'B'], ['A', 'B', 'C']].map(toEnumeration)).toEqual(['', 'A', 'A and B', 'A, B and C']);
});

describe('a link of the admin’s file', () => {
  test.each(['https://help.example/a?b=c#d', 'http://localhost:3000/'])('leads there: %s', (url) => {
    expect(toWebUrl(url)).toBe(url);
  });

  test.each([
    undefined,
    '',
    'help.example',
    '/vault',
    '//evil.example',
    'javascript:alert(1)',
    ' JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
  ])('is none: %j', (url) => {
    expect(toWebUrl(url)).toBeUndefined();
  });
});
