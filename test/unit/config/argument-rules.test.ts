import { describe, expect, test } from '@jest/globals';
import { remoteProblems } from '../../../src/config/edits/remote-rules.ts';
import { entryProblems, parseServer } from './parse-servers.ts';

const problems = (rules: unknown) => entryProblems({ command: 'x', rules });
const ofArgument = (rule: unknown) => problems({ read: { path: rule } });

describe('"rules" of a server', () => {
  test('the three examples of the documentation are valid as they stand', () => {
    const rules = {
      'read_*': {
        path: { within: '/data', deny: ['**/.env', '**/.ssh/**'] },
        url: { hosts: ['*.example.org'] },
        '*': { maxLength: 10_000, deny: ['(?i)drop\\s+table'] },
      },
    };
    const parsed = parseServer({ command: 'x', rules }).rules?.get('read_*');
    expect(parsed?.get('path')?.within).toEqual(['/data']);
    expect(parsed?.get('*')).toEqual(rules['read_*']['*']);
    expect(parsed?.get('url')).toEqual({ hosts: ['*.example.org'] });
  });

  test.each([
    ['relative', { within: 'data' }, 'absolute path'],
    ['one of a list', { within: ['/data', 'x'] }, 'absolute path'],
    ['a pattern', { within: '/data/*' }, 'patterns belong into "deny"'],
    ['a placeholder', { within: '/data/${user.id}' }, 'has a placeholder'],
    ['a URL', { hosts: 'https://example.org' }, 'without "https://"'],
    ['a star inside', { hosts: ['a.*.org'] }, 'must be a host'],
    ['an odd address', { hosts: ['2130706433'] }, 'must be a host'],
    ['no pattern', { deny: [] }, 'denies nothing'],
    ['an empty pattern', { deny: [''] }, 'is empty'],
    ['a bad expression', { deny: ['(?i)drop('] }, 'RE2'],
    ['a look-ahead', { deny: ['(?=a)b'] }, 'RE2'],
    ['a back reference', { deny: ['(?:a)(b)\\1'] }, 'RE2'],
    ['too many braces', { deny: [`**/${'{a,b}'.repeat(9)}`] }, 'alternatives'],
    ['either kind', { within: '/data', deny: ['.*secret'] }, 'begin a glob with'],
    ['either kind without a folder', { deny: ['secrets/**'] }, 'begin a glob with'],
    ['no length', { maxLength: 0 }, 'at least 1'],
    ['nothing', {}, 'restricts nothing'],
    ['misspelt', { withn: '/data' }, 'did you mean "within"'],
    ['null', null, 'must be an object'],
    ['no object', 'x', 'must be an object'],
  ])('is an error with a rule that is %s', (_name, rule, message) => {
    expect(ofArgument(rule)).toContainEqual(expect.stringContaining(message));
  });

  test.each([
    ['no tools', {}, 'restricts nothing; name a tool'],
    ['no arguments', { read: {} }, 'restricts nothing; name an argument'],
    ['a list', [], 'must be an object that maps a tool'],
    ['null', null, 'must be an object that maps a tool'],
    ['a folder for every text', { read: { '*': { within: '/data' } } }, 'name the argument in place of "*"'],
    ['hosts for every text', { read: { '*': { hosts: ['*'] } } }, 'name the argument in place of "*"'],
  ])('is an error with %s', (_name, rules, message) => {
    expect(problems(rules)).toEqual([expect.stringContaining(message)]);
  });

  test('a misspelt key is an error, since it restricts nothing', () => {
    expect(entryProblems({ command: 'x', rule: {} })).toEqual([expect.stringContaining('did you mean "rules"')]);
  });

  test('empty lists of what is allowed are lists', () => {
    const rules = { read: { path: { within: [] }, url: { hosts: [] } } };
    expect([...(parseServer({ command: 'x', rules }).rules?.get('read') ?? [])]).toEqual(Object.entries(rules.read));
  });

  test('an admin may give them to a server over HTTP', () => {
    const entry = { url: 'https://a.example', rules: { read: { '*': { deny: ['(?:\\$\\{)'] } } } };
    expect(remoteProblems(entry)).toEqual([]);
  });
});

describe('"redactResults" of a server', () => {
  const issues = (redactResults: unknown) => entryProblems({ command: 'x', redactResults });

  test('names known patterns and own ones', () => {
    const given = ['emails', 'keys', { name: 'customer', pattern: '\\bC-\\d{6}\\b' }];
    expect(parseServer({ command: 'x', redactResults: given }).redactResults).toEqual(given);
  });

  test.each([
    ['an unknown name', ['email'], 'must be one of private-keys, web-tokens, keys, emails, card-numbers'],
    ['nothing', [], 'redacts nothing'],
    ['null', null, 'must be a list'],
    ['a bad pattern', [{ name: 'x', pattern: '(' }], 'RE2'],
    ['a pattern of every text', [{ name: 'x', pattern: 'x*' }], 'empty text'],
    ['an odd name', [{ name: '$1', pattern: 'x' }], 'must be 1 to 60 letters'],
    ['a misspelt key', [{ nam: 'x', pattern: 'x' }], 'name'],
  ])('is an error with %s', (_name, given, message) => {
    expect(issues(given)).toContainEqual(expect.stringContaining(message));
  });
});
