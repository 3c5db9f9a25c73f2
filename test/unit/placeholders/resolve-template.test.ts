import { describe, expect, test } from '@jest/globals';
import { PlaceholderValueError } from '../../../src/errors.ts';
import { literalTemplate, parseTemplate } from '../../../src/placeholders/parse-template.ts';
import {
  hasUserPlaceholder,
  literalText,
  type PlaceholderValues,
  resolveTemplate,
  userPlaceholders,
} from '../../../src/placeholders/resolve-template.ts';

const context = { environment: new Map(), userVariables: new Set(['TOKEN', '__proto__']), inputs: new Set<string>() };
const nobody: PlaceholderValues = { variables: new Map() };
const parse = (text: string) => parseTemplate(text, context);
const resolve = (text: string, values: PlaceholderValues) => resolveTemplate(parse(text), values);
const withToken = (value: string): PlaceholderValues => ({ variables: new Map([['TOKEN', value]]) });

describe('a template becomes the text of one principal', () => {
  test('each kind of placeholder takes its value', () => {
    const values: PlaceholderValues = {
      variables: new Map([['TOKEN', 't']]),
      user: { id: 'u1', email: 'a@b', name: 'Ann', role: 'admin', jwt: 'j', token: 'o' },
      chatId: 'c1',
    };
    const text = '${TOKEN} ${user.id} ${user.email} ${user.name} ${user.role} ${user.jwt} ${user.token} ${chat.id}.';
    expect(resolve(text, values)).toBe('t u1 a@b Ann admin j o c1.');
  });

  test.each(['${TOKEN}', '{{TOKEN}}', '$&', '$1', "$'", '$`', '$$', '\\', '%0a', '${user.id}'])(
    'a value stays as it is: %j',
    (value) => {
      expect(resolve('<${TOKEN}>', withToken(value))).toBe(`<${value}>`);
    },
  );

  test.each(['${TOKEN}', 'x ${user.id}', '${chat.id}', '${user.jwt}${TOKEN}', '${__proto__}'])(
    'with anything unset, all of it is left out: %j',
    (text) => {
      expect(resolve(text, nobody)).toBeUndefined();
    },
  );

  test('an empty value is set', () => {
    expect(resolve('[${TOKEN}]', withToken(''))).toBe('[]');
  });

  test('a text without placeholders needs no values', () => {
    expect(resolve('plain', nobody)).toBe('plain');
    expect(resolve('', nobody)).toBe('');
  });
});

describe('a value that would break out of its place is refused', () => {
  test.each(['\r', '\n', '\0', 'a\r\nX-Admin: 1', 'secret\n'])('%j', (value) => {
    const call = () => resolve('Bearer ${TOKEN}', withToken(value));
    expect(call).toThrow(PlaceholderValueError);
    expect(call).toThrow('The value of TOKEN holds a line break or NUL character; save it again without it.');
  });

  test('identity too', () => {
    expect(() => resolve('${user.name}', { variables: new Map(), user: { name: 'a\nb' } })).toThrow('user.name');
    expect(() => resolve('${chat.id}', { variables: new Map(), chatId: '\0' })).toThrow('chat.id');
  });

  test("the admin's own text may hold line breaks", () => {
    expect(resolveTemplate(literalTemplate('-----BEGIN\nKEY'), nobody)).toBe('-----BEGIN\nKEY');
  });
});

describe('what a template depends on', () => {
  test.each([
    ['plain', []],
    ['${TOKEN} {{USER_ID}} ${chat.id}', ['user-variable', 'user', 'chat']],
  ])('%j', (text, kinds) => {
    const template = parse(text);
    expect(hasUserPlaceholder(template)).toBe(kinds.length > 0);
    expect(userPlaceholders(template).map(({ kind }) => kind)).toEqual(kinds);
  });

  test('literalText gives the text, and refuses one that is not known yet', () => {
    expect(literalText(parse('a$${b'))).toBe('a${b');
    expect(literalText([])).toBe('');
    expect(() => literalText(parse('${TOKEN}'))).toThrow('TOKEN');
  });
});
