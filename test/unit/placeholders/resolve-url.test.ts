import { describe, expect, test } from '@jest/globals';
import { PlaceholderValueError } from '../../../src/errors.ts';
import { parseTemplate } from '../../../src/placeholders/parse-template.ts';
import { resolveUrl } from '../../../src/placeholders/resolve-url.ts';

const context = {
  environment: new Map([['E', 'a/../b']]),
  userVariables: new Set(['A', 'B']),
  inputs: new Set<string>(),
};

function resolve(url: string, values: Readonly<Record<string, string>>, user: Readonly<Record<string, string>> = {}) {
  return resolveUrl(parseTemplate(url, context), {
    variables: new Map(Object.entries(values)),
    user,
    chatId: user.chat,
  });
}

describe('a value stays in its place of a url', () => {
  test.each([
    ['../../admin', '..%2F..%2Fadmin'],
    ['..\\..\\admin', '..%5C..%5Cadmin'],
    ['%2e%2e', '%252e%252e'],
    ['a?b#c', 'a%3Fb%23c'],
    ['a&b=c+d', 'a%26b%3Dc%2Bd'],
    ['me@host:80', 'me%40host%3A80'],
    ["it's (a) *!", 'it%27s%20%28a%29%20%2A%21'],
    ['größe', 'gr%C3%B6%C3%9Fe'],
    ['...', '...'],
    ['${B}', '%24%7BB%7D'],
    ['\t..', '%09..'],
  ])('%j', (value, text) => {
    const url = resolve('http://host/t/${A}/mcp?x=${A}#${A}', { A: value });
    expect(url).toBe(`http://host/t/${text}/mcp?x=${text}#${text}`);
    expect(new URL(url ?? '').pathname).toBe(`/t/${text}/mcp`);
  });

  test("what is known of a user, too; the admin's own text is left alone", () => {
    expect(resolve('http://host/${env:E}/${user.name}/${chat.id}', {}, { name: 'a/b', chat: 'c?d' })).toBe(
      'http://host/a/../b/a%2Fb/c%3Fd',
    );
  });

  test('with anything unset there is no url', () => {
    expect(resolve('http://host/${A}', {})).toBeUndefined();
  });
});

describe('a value that would remove or empty a part of the path is refused', () => {
  test.each([
    ['http://host/t/${A}/mcp', { A: '..' }],
    ['http://host/t/${A}/mcp', { A: '.' }],
    ['http://host/t/${A}/mcp', { A: '' }],
    ['http://host/${A}', { A: '..' }],
    ['http://host/t/${A}?x=1', { A: '..' }],
    ['http://host/t/${A}#x', { A: '..' }],
    ['http://host/t\\${A}\\mcp', { A: '..' }],
    ['http://host/t/${A}${B}/mcp', { A: '.', B: '.' }],
    ['http://host/t/.${A}/mcp', { A: '.' }],
    ['http://host/t/%2E${A}/mcp', { A: '.' }],
    ['http://host/t/%2e%2E${A}/mcp', { A: '' }],
  ])('%s with %j', (url, values) => {
    expect(() => resolve(url, values)).toThrow(PlaceholderValueError);
    expect(() => resolve(url, values)).toThrow(/^The value of [AB] cannot be part of the server's url/);
  });

  test('and half a character', () => {
    expect(() => resolve('http://host/${A}', { A: '\ud800' })).toThrow(PlaceholderValueError);
  });

  test.each([
    ['http://host/t/${A}${B}/mcp', { A: '.', B: 'x' }],
    ['http://host/v${A}/mcp', { A: '' }],
    ['http://host/mcp?t=${A}', { A: '..' }],
    ['http://host/mcp?t=${A}/../', { A: '' }],
    ['http://host/mcp#/${A}/', { A: '..' }],
  ])('and no other: %s with %j', (url, values) => {
    expect(resolve(url, values)).toBeDefined();
  });
});
