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
    'variables that sound secret',
    { command: 'x', env: { GITHUB_TOKEN: 'ghp-1234', MY_PAT: 'pat-1234', Region: 'europe' } },
    ['ghp-1234', 'pat-1234'],
  ],
  ['PATH is no PAT', { command: 'x', env: { DATA_PATH: '/some/where', COMPAT: 'mode-1' } }, []],
  [
    'what came from the environment, whatever it is called',
    { command: 'x', env: { A: 'v=${PLAIN}' } },
    ['plain-from-env'],
  ],
  ['but not what everybody knows', { command: 'x', env: { A: '${HOME}/data' }, args: ['${HOME}'] }, []],
  ['arguments from the environment', { command: 'x', args: ['--key=${ARG}', 'plain'] }, ['arg-from-env']],
  [
    'URLs with credentials',
    { command: 'x', env: { DB: 'postgres://user:pa%40ss@host/db' } },
    ['user:pa%40ss', 'user:pa@ss', 'pa%40ss', 'pa@ss', 'user'],
  ],
  [
    'switches and small numbers are none',
    { command: 'x', env: { USE_TOKEN: 'true', MAX_TOKENS: 4096, KEY: 'abc' } },
    [],
  ],
  [
    'headers, with and without the scheme',
    { url: 'http://x', headers: { Authorization: 'Bearer abcd1234', A: 'text/plain' } },
    ['Bearer abcd1234', 'text/plain', 'abcd1234'],
  ],
  [
    'headers from the environment',
    { url: 'http://x', headers: { A: 'Bearer ${KEY}' } },
    ['Bearer key-from-env', 'key-from-env'],
  ],
  [
    'userinfo and query of a url',
    { url: 'http://name:word@x/mcp?key=q-value&b=1' },
    ['name:word', 'q-value', 'name', 'word'],
  ],
  [
    'with values of users, only what the admin put in',
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
