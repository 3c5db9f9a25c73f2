import { describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../../src/errors.ts';
import { parseTemplate } from '../../../src/placeholders/parse-template.ts';
import type { TemplatePart } from '../../../src/placeholders/template.ts';

const context = {
  environment: new Map([
    ['HOST', 'example.org'],
    ['EMPTY', ''],
    ['NESTED', '${HOST} {{USER_ID}} $${x} $&'],
    ['BOTH', 'from the environment'],
  ]),
  userVariables: new Set(['TOKEN', 'BOTH', '__proto__']),
  inputs: new Set(['api-key', 'HOST']),
  readFile: (path: string) => {
    if (path === '/run/secrets/token') return 'from ${HOST} a file';
    throw new Error('does not exist');
  },
};

const parse = (text: string) => parseTemplate(text, context);
const text = (value: string): TemplatePart => ({ kind: 'literal', text: value });
const variable = (name: string): TemplatePart => ({ kind: 'user-variable', name });
const base64 = (...template: TemplatePart[]): TemplatePart => ({ kind: 'base64', template });
const user = (field: Extract<TemplatePart, { kind: 'user' }>['field']): TemplatePart => ({ kind: 'user', field });
const chatId: TemplatePart = { kind: 'chat', field: 'id' };

const readings: readonly (readonly [string, readonly TemplatePart[]])[] = [
  ['', []],
  ['plain', [text('plain')]],
  ['${HOST}', [text('example.org')]],
  ['${env:HOST}', [text('example.org')]],
  ['a${HOST}b${HOST}', [text('aexample.orgbexample.org')]],
  ['${EMPTY}', []],
  ['${EMPTY:-fallback}', [text('fallback')]],
  ['${UNSET:-fallback}', [text('fallback')]],
  ['${HOST:-fallback}', [text('example.org')]],
  ['${UNSET:-}', []],
  ['${UNSET:-a:-b $x {y}', [text('a:-b $x {y')]],
  ['${UNSET:-two\nlines}', [text('two\nlines')]],
  // What a placeholder gave is never read again.
  ['${NESTED}', [text('${HOST} {{USER_ID}} $${x} $&')]],
  ['${UNSET:-{{USER_ID}}', [text('{{USER_ID}')]],
  ['$${HOST}', [text('${HOST}')]],
  ['$$${HOST}', [text('$${HOST}')]],
  ['$${', [text('${')]],
  ['$', [text('$')]],
  ['$HOST $& $1 $$', [text('$HOST $& $1 $$')]],
  ['{HOST} {} }} {{', [text('{HOST} {} }} {{')]],
  ['${TOKEN}', [variable('TOKEN')]],
  ['Bearer ${TOKEN}!', [text('Bearer '), variable('TOKEN'), text('!')]],
  // The user's variable first, the environment second.
  ['${BOTH} ${env:BOTH}', [variable('BOTH'), text(' from the environment')]],
  ['{{TOKEN}}', [variable('TOKEN')]],
  ['${input:TOKEN}', [variable('TOKEN')]],
  ['${input:api-key}', [variable('api-key')]],
  // An input is reached as ${input:ID} only.
  ['${HOST} {{HOST}}', [text('example.org {{HOST}}')]],
  ['${__proto__}{{__proto__}}', [variable('__proto__'), variable('__proto__')]],
  ['{{constructor}}', [text('{{constructor}}')]],
  ['{{ TOKEN }} {{other}}', [text('{{ TOKEN }} {{other}}')]],
  ['{{{TOKEN}}', [text('{'), variable('TOKEN')]],
  ['{{{{TOKEN}}}}', [text('{{'), variable('TOKEN'), text('}}')]],
  ['${user.id}', [user('id')]],
  ['${user.email}', [user('email')]],
  ['${user.name}', [user('name')]],
  ['${user.role}', [user('role')]],
  ['${user.jwt}', [user('jwt')]],
  ['${user.token}', [user('token')]],
  ['${chat.id}', [chatId]],
  ['{{USER_ID}}{{USER_EMAIL}}{{USER_NAME}}{{USER_ROLE}}', [user('id'), user('email'), user('name'), user('role')]],
  ['{{LIBRECHAT_USER_ID}}{{LIBRECHAT_USER_EMAIL}}', [user('id'), user('email')]],
  ['{{LIBRECHAT_USER_NAME}}{{LIBRECHAT_USER_ROLE}}', [user('name'), user('role')]],
  ['{{USER_GROUPS}}{{USER_USERNAME}}', [user('groups'), user('username')]],
  ['${user.username}${user.issuer}${user.groups}', [user('username'), user('issuer'), user('groups')]],
  ['{{CHAT_ID}}', [chatId]],
  ['${env:UNSET:-}', []],
  ['${env:UNSET:-fallback}', [text('fallback')]],
  // By `env:` it is the environment's, whatever users declare.
  ['${env:BOTH:-x}', [text('from the environment')]],
  ['${file:/run/secrets/token}', [text('from ${HOST} a file')]],
  ['Basic ${base64:${HOST}:x}', [text('Basic ZXhhbXBsZS5vcmc6eA==')]],
  ['${base64:Zoë}', [text('Wm/Dqw==')]],
  ['${base64:}', []],
  ['${base64:${user.id}:${TOKEN}}!', [base64(user('id'), text(':'), variable('TOKEN')), text('!')]],
  ['${base64:{{USER_EMAIL}}:${file:/run/secrets/token}}', [base64(user('email'), text(':from ${HOST} a file'))]],
  ['${base64:${base64:${TOKEN}}}', [base64(base64(variable('TOKEN')))]],
  ['${base64:$${TOKEN}', [text('JHtUT0tFTg==')]],
  ['$${base64:${TOKEN}}', [text('${base64:'), variable('TOKEN'), text('}')]],
  ['{{CHAT_ID}${HOST}', [text('{{CHAT_ID}example.org')]],
];

describe('a text is read in one pass', () => {
  test.each(readings)('%j', (given, expected) => {
    expect(parse(given)).toEqual(expected);
  });

  test('a user variable named like an alias wins over it', () => {
    const template = parseTemplate('{{USER_ID}}', { ...context, userVariables: new Set(['USER_ID']) });
    expect(template).toEqual([variable('USER_ID')]);
  });
});

const refusals: readonly (readonly [string, string])[] = [
  [
    '${UNSET}',
    'environment variable UNSET is not set; set it, give a default as ${UNSET:-default}, or declare UNSET in "userVars" if each user has their own',
  ],
  ['${env:UNSET}', 'environment variable UNSET is not set; set it, or give a default as ${UNSET:-default}'],
  [
    '${{{LLM_SECRET_1}}}',
    '${{{LLM_SECRET_1} is not a known placeholder; write $${{{LLM_SECRET_1} if it is meant literally',
  ],
  // The environment is a map: an object's own properties are no variables.
  [
    '${constructor}',
    'environment variable constructor is not set; set it, give a default as ${constructor:-default}, or declare constructor in "userVars" if each user has their own',
  ],
  ['${foo bar}', '${foo bar} is not a known placeholder; write $${foo bar} if it is meant literally'],
  ['${}', '${} is not a known placeholder; write $${} if it is meant literally'],
  ['${1A}', '${1A} is not a known placeholder; write $${1A} if it is meant literally'],
  ['${user.password}', '${user.password} is not a known placeholder; write $${user.password} if it is meant literally'],
  ['${USER.ID}', '${USER.ID} is not a known placeholder; did you mean ${user.id}?'],
  ['${HOST:default}', '${HOST:default} is not a known placeholder; write $${HOST:default} if it is meant literally'],
  ['${a${b}}', '${a${b} is not a known placeholder; write $${a${b} if it is meant literally'],
  ['${file:/absent}', 'the file "/absent" of ${file:…} does not exist'],
  [
    '${base64:${UNSET}}',
    'environment variable UNSET is not set; set it, give a default as ${UNSET:-default}, or declare UNSET in "userVars" if each user has their own',
  ],
  ['ab${base64:${TOKEN}', 'the "${" at character 3 has no closing "}"; write $${ for a literal ${'],
  ['${input:other}', '${input:other} names no input; declare "other" in "inputs" or "userVars"'],
  ['${TOKEN:-x}', '${TOKEN:-…} gives a default to a user variable; set "default" of TOKEN in "userVars" instead'],
  ['ab${HOST', 'the "${" at character 3 has no closing "}"; write $${ for a literal ${'],
  ['${', 'the "${" at character 1 has no closing "}"; write $${ for a literal ${'],
];

describe('what cannot be meant is refused', () => {
  test.each(refusals)('%j', (given, message) => {
    expect(problemsOf(given)).toEqual([message]);
  });

  test.each([
    ['${username}', '${user.name}'],
    ['${user_name}', '${user.name}'],
    ['${userName}', '${user.name}'],
    ['${user_id}', '${user.id}'],
    ['${userId}', '${user.id}'],
    ['${user}', '${user.id}'],
    ['${email}', '${user.email}'],
    ['${USER_EMAIL}', '${user.email}'],
    ['${user.Email}', '${user.email}'],
    ['${role}', '${user.role}'],
    ['${chat_id}', '${chat.id}'],
  ])('%s names %s', (given, meant) => {
    expect(problemsOf(given)).toEqual([expect.stringMatching(/did you mean .*\?$/)]);
    expect(problemsOf(given)[0]).toContain(`did you mean ${meant}?`);
  });

  test('every problem of one text is reported', () => {
    expect(problemsOf('${A} ${HOST} ${b c} ${')).toHaveLength(3);
  });

  test('what follows an open "${" is not shown, for it may be a password', () => {
    expect(problemsOf('pa${sword')[0]).not.toContain('sword');
  });
});

function problemsOf(given: string): readonly string[] {
  try {
    parse(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => problem.message);
    throw error;
  }
  return [];
}
