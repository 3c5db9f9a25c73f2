import { expect, test } from '@jest/globals';
import { parseServers } from './parse-servers.ts';

const environment = {
  KEY: 'key-from-env',
  PLAIN: 'plain-from-env',
  HOME: '/home/ann',
  DSN_PART: 'part-of-env',
  ARG: 'arg-from-env',
};

function secretsOf(entry: unknown): readonly string[] {
  return parseServers({ mcpServers: { s: entry } }, { environment }).secrets;
}

test.each([
  [
    'variables, whatever they are called',
    { command: 'x', env: { GITHUB_TOKEN: 'ghp-1234', MY_PAT: 'pat-1234', Region: 'europe', DATA_PATH: '/some/where' } },
    ['ghp-1234', 'pat-1234', 'europe', '/some/where'],
  ],
  [
    'what came from the environment, alone and as part of a value',
    { command: 'x', env: { A: 'v=${PLAIN}' } },
    ['plain-from-env', 'v=plain-from-env'],
  ],
  ['but not well-known values', { command: 'x', env: { HOME: '/root' }, args: ['${HOME}'] }, []],
  ['variables that are passed on by name', { command: 'x', inheritEnv: ['ARG', 'HOME'] }, ['arg-from-env']],
  [
    'of what is passed on altogether, what sounds secret',
    { command: 'x', inheritEnv: '*' },
    ['key-from-env', 'part-of-env'],
  ],
  ['arguments from the environment', { command: 'x', args: ['${ARG}', 'plain'] }, ['arg-from-env']],
  [
    'what follows a flag',
    {
      command: 'x',
      args: ['--api-key', 'first-1', '--token=second-2', '-k', 'third-3', '-pfourthfour', '-e', 'A=fifth-5', 'word'],
    },
    ['first-1', 'second-2', 'third-3', 'fourthfour', 'A=fifth-5', 'fifth-5'],
  ],
  [
    'but not what says which program runs',
    {
      command: 'npx',
      args: ['-y', '@scope/server', '--from', 'a-package', '-m', 'a_module', '--rm', 'image', '--port', '80'],
    },
    [],
  ],
  [
    'the credentials of URLs in arguments',
    { command: 'x', args: ['postgresql://bob:pa%40ss@host/db', '--dsn=redis://:word@host/?key=q-value'] },
    ['bob:pa%40ss', 'bob:pa@ss', 'pa%40ss', 'pa@ss', 'redis://:word@host/?key=q-value', ':word', 'word', 'q-value'],
  ],
  [
    'URLs with credentials',
    { command: 'x', env: { DB: 'postgres://user:pa%40ss@host/db' } },
    ['postgres://user:pa%40ss@host/db', 'user:pa%40ss', 'user:pa@ss', 'pa%40ss', 'pa@ss'],
  ],
  ['a token in the place of the user', { url: 'http://token-of-somebody@x/' }, ['token-of-somebody']],
  [
    'switches, small numbers and words of every log are none',
    {
      command: 'x',
      env: { A: 'true', B: 4096, C: 'abc', D: 'Production', E: 'debug', F: 'en_US.UTF-8', G: 'localhost' },
    },
    [],
  ],
  [
    'other words and longer numbers are',
    { command: 'x', env: { A: 'swordfish', B: '123456' } },
    ['swordfish', '123456'],
  ],
  [
    'each longer line of a value of several lines',
    { command: 'x', env: { A: 'first line\nsecond line\nend' } },
    ['first line\nsecond line\nend', 'first line', 'second line'],
  ],
  [
    'headers, with and without the scheme',
    { url: 'http://x', headers: { Authorization: 'Bearer abcd1234', A: 'text/plain', B: 'value' } },
    ['Bearer abcd1234', 'abcd1234', 'value'],
  ],
  [
    'headers from the environment',
    { url: 'http://x', headers: { A: 'Bearer ${KEY}' } },
    ['Bearer key-from-env', 'key-from-env'],
  ],
  ['userinfo and query of a url', { url: 'http://name:word@x/mcp?key=q-value&b=1' }, ['name:word', 'q-value', 'word']],
  [
    'with values of users, what the admin put in',
    { url: 'http://x', headers: { A: 'Bearer ${user.id} ${KEY}' } },
    ['key-from-env'],
  ],
])('%s', (_, entry, expected) => {
  expect([...secretsOf(entry)].sort()).toEqual([...expected].sort());
});

test('the longest comes first', () => {
  const secrets = secretsOf({ command: 'x', env: { A_KEY: 'abcd', B_KEY: 'abcdefgh', C_KEY: 'abcdef' } });
  expect(secrets).toEqual(['abcdefgh', 'abcdef', 'abcd']);
});
