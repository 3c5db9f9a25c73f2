import { expect, test } from '@jest/globals';
import { keepBeginning, keepEnd, withoutLastWord } from '../../../src/telemetry/cut-text.ts';

test.each([
  ['short', 5, 'short'],
  ['the token is abcdefghij', 18, 'the token is …'],
  ['{"token":"abcdefghij"}', 14, '{"token":"…'],
  ['abcdefghij', 4, '…'],
])('%j, the first %i characters: no word is cut in two', (text, max, kept) => {
  expect(keepBeginning(text, max)).toBe(kept);
});

test.each([
  ['short', 5, 'short'],
  ['abcdefghij was refused', 16, '… was refused'],
  ['token="abcdefghij" refused', 12, '…" refused'],
])('%j, the last %i characters', (text, max, kept) => {
  expect(keepEnd(text, max)).toBe(kept);
});

test('what was cut already loses its last word', () => {
  expect(withoutLastWord('the token is abcd')).toBe('the token is …');
});
