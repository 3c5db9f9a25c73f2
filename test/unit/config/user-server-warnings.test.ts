import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { parseCommandLine } from '../../../src/cli/arguments.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { formatConfigProblem } from '../../../src/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-'));
afterAll(() => rmSync(folder, { recursive: true }));

const KEY = 'key-8c41d2f07a6e35';
const LONG_SECRET = 'c3f1a9d27be0486f95cd13e8a7024bb6';
const jira = { command: 'x', env: { T: '${TOKEN}' }, userVars: { TOKEN: {} } };
const named = { url: 'https://x.example.org', headers: { 'X-User': '${user.id}' } };
const PUBLIC = { MCPO_PUBLIC_URL: 'https://tools.example.org' };

function warningsOf(
  servers: object,
  env: Readonly<Record<string, string>>,
  { auth = {}, args = [] as readonly string[], hasStoredKeys = false } = {},
): readonly string[] {
  const file = join(folder, 'servers.json');
  writeFileSync(file, JSON.stringify({ mcpServers: servers, auth }));
  const command = parseCommandLine(['--config', file, ...args]);
  if (command.kind !== 'serve') throw new Error('This does not serve.');
  const { warnings } = loadSettings(command.options, readEnvironment(env), hasStoredKeys);
  return warnings.map(formatConfigProblem);
}

describe('a server that must know who calls, without a source of identity', () => {
  const refused = expect.stringMatching(
    /^calls to "s" will be refused: it has to know who calls, .*MCPO_OPENWEBUI_USER/,
  );

  test.each<[string, object]>([
    ['userVars', jira],
    ['a placeholder of the user', named],
    ['a session for each user', { command: 'x', isolation: 'user' }],
    ['access for some', { command: 'x', access: { groups: ['admins'] } }],
    ['access to a tool for some', { command: 'x', access: { tools: { t: { users: ['a'] } } } }],
  ])('%s', (_, server) => {
    expect(warningsOf({ s: server }, { ...PUBLIC, MCPO_API_KEY: KEY })).toEqual([refused]);
  });

  test('names every such server once, and without any key also the key', () => {
    const warnings = warningsOf({ a: jira, b: named, c: { command: 'x' } }, PUBLIC);
    expect(warnings).toEqual([
      expect.stringMatching(/^calls to "a", "b" will be .*Set MCPO_API_KEY and MCPO_OPENWEBUI/),
    ]);
  });

  test('headers that are believed need a key whose holder may assert users', () => {
    const { MCPO_PUBLIC_URL } = PUBLIC;
    expect(warningsOf({ s: jira }, { MCPO_PUBLIC_URL, MCPO_TRUST_USER_HEADERS: 'true' })).toHaveLength(1);
  });

  test.each<[string, Readonly<Record<string, string>>, object]>([
    ['signed headers', { MCPO_API_KEY: KEY, MCPO_OPENWEBUI_USER_JWT_SECRET: LONG_SECRET }, {}],
    ['plain headers', { MCPO_API_KEY: KEY, MCPO_TRUST_USER_HEADERS: 'true' }, {}],
    ['own tokens', { JWT_SECRET: LONG_SECRET }, {}],
    ['an issuer', { JWT_ISSUER: 'https://id.example.org', JWT_AUDIENCE: 'mcpo' }, {}],
    ["Open WebUI's own tokens", { MCPO_API_KEY: KEY, MCPO_OPENWEBUI_URL: 'https://chat.example.org' }, {}],
    ["a user's key", {}, { keys: [{ id: 'a', hash: 'a'.repeat(64), user: 'alice' }] }],
  ])('%s are one', (_, env, auth) => {
    expect(warningsOf({ s: jira }, { ...PUBLIC, ...env }, { auth })).toEqual([]);
  });

  test('keys in the database may be those of users', () => {
    expect(warningsOf({ s: jira }, PUBLIC, { hasStoredKeys: true })).toEqual([]);
  });

  test('a server that all share needs none', () => {
    expect(warningsOf({ s: { command: 'x' } }, { MCPO_API_KEY: KEY })).toEqual([]);
  });
});

describe('links for users without a public URL', () => {
  const env = { JWT_SECRET: LONG_SECRET };

  test('are warned of', () => {
    expect(warningsOf({ s: jira }, env)).toEqual([expect.stringContaining('set MCPO_PUBLIC_URL')]);
  });

  test('not with one, on this machine only, or where nobody sets values', () => {
    expect(warningsOf({ s: jira }, { ...env, ...PUBLIC })).toEqual([]);
    expect(warningsOf({ s: jira }, env, { args: ['--host', '127.0.0.1'] })).toEqual([]);
    expect(warningsOf({ s: named }, env)).toEqual([]);
  });
});
