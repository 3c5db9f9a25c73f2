import { describe, expect, test } from '@jest/globals';
import { InvalidArgumentsError, UnsupportedMediaTypeError } from '../../../../src/errors.ts';
import { parseArguments, requireJson } from '../../../../src/http/tool-call/parse-arguments.ts';

function issueOf(body: string | Buffer) {
  try {
    parseArguments(Buffer.from(body as string));
  } catch (error) {
    if (error instanceof InvalidArgumentsError) return error.issues[0];
    throw error;
  }
  return undefined;
}

describe('arguments', () => {
  test.each(['', ' \n', '{}'])('%j is no arguments', (body) => {
    expect(parseArguments(Buffer.from(body)).value).toEqual({});
  });

  test('keep nulls and odd keys, and __proto__ is a key like any other', () => {
    const { value: args } = parseArguments(Buffer.from('{"a":null,"__proto__":{"b":1},"größe":2}'));
    expect(JSON.stringify(args)).toBe('{"a":null,"__proto__":{"b":1},"größe":2}');
    expect(({} as Record<string, unknown>).b).toBeUndefined();
  });

  test.each([
    ['{"a":', 'json_invalid'],
    ['{a:1}', 'json_invalid'],
    ['{"a":NaN}', 'json_invalid'],
    ['[1]', 'dict_type'],
    ['"text"', 'dict_type'],
    ['null', 'dict_type'],
    [`{"a":[${'1,'.repeat(250_001)}1]}`, 'too_long'],
    [`{"a":[${'{},'.repeat(130_000)}1]}`, 'too_long'],
    [`{"a":${'['.repeat(300)}${']'.repeat(300)}}`, 'too_deep'],
    [`{${Array.from({ length: 100_001 }, (_, i) => `"k${i}":0`).join()}}`, 'too_long'],
  ])('%.40s is refused as %s', (body, type) => {
    expect(issueOf(body)?.type).toBe(type);
  });

  test('may hold brackets and colons in texts without end', () => {
    const text = JSON.stringify({ a: '[{:'.repeat(200_000) });
    expect(parseArguments(Buffer.from(text)).value).toEqual(JSON.parse(text));
  });

  test('that are not UTF-8 are refused', () => {
    expect(issueOf(Buffer.from([0x7b, 0xff, 0x7d]) as unknown as string)?.type).toBe('json_invalid');
  });

  test.each([
    '{"a":12345678901234567890}',
    '{"a":{"b":[9007199254740993]}}',
    '{"a":1e400}',
    `{"a":${'9'.repeat(5_000)}}`,
  ])('%.40s comes with its text, because a double cannot hold the number', (body) => {
    expect(parseArguments(Buffer.from(body)).exactText).toBe(body);
  });

  test.each(['{"a":9007199254740992}', '{"a":1152921504606846976}', '{"a":"12345678901234567890"}', '{"a":1.5e10}'])(
    '%s needs no text beside it',
    (body) => {
      expect(parseArguments(Buffer.from(body)).exactText).toBeUndefined();
    },
  );

  test('a body quoted in a parser error is not passed on', () => {
    expect(JSON.stringify(issueOf('{"token":"canary", oops'))).not.toContain('canary');
  });

  test.each([undefined, '', 'application/json', 'application/json; charset=utf-8', 'application/vnd.api+json'])(
    'the content type %j is taken',
    (type) => {
      expect(() => requireJson(type)).not.toThrow();
    },
  );

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'multipart/form-data; boundary=x',
  ])('the content type %j is refused', (type) => {
    expect(() => requireJson(type)).toThrow(UnsupportedMediaTypeError);
  });
});
