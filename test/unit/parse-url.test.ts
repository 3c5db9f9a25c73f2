import { expect, test } from '@jest/globals';
import { parseUrl } from '../../src/parse-url.ts';

test('reads URLs with any letters, however often it is called', () => {
  const hosts = new Set<string | undefined>();
  for (let round = 0; round < 20_000; round += 1) hosts.add(parseUrl('https://b\u00fccher.example/')?.hostname);
  expect([...hosts]).toEqual(['xn--bcher-kva.example']);
});

test('is nothing for what is no URL', () => {
  expect(['', 'x', '//x', 'http://', 'http://a b'].map((text) => parseUrl(text))).toEqual(Array(5).fill(undefined));
  expect(parseUrl('x', 'https://example.org/a/')?.href).toBe('https://example.org/a/x');
});
