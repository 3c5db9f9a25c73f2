import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { parseCommandLine } from '../../../src/cli/arguments.ts';
import { openWebUiCommand } from '../../../src/cli/openwebui.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import { UsageError } from '../../../src/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-'));
afterAll(() => rmSync(folder, { recursive: true }));
const config = join(folder, 'servers.json');
writeFileSync(config, '{"mcpServers":{"time":{"command":"x"},"my-wiki_v2":{"command":"x"},"Time":{"url":"http://x"}}}');

const defaults = { baseUrl: undefined, showKey: false, split: undefined };

function load(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const command = parseCommandLine(argv);
  if (!('options' in command)) throw new Error(`${command.kind} has no options.`);
  return loadSettings(command.options, readEnvironment(env));
}

test('a connection has every field that the import wants', () => {
  const { settings, secrets } = load(['-c', config], { MCPO_API_KEY: 'key-of-the-connections' });
  const { text } = openWebUiCommand(settings, secrets, { baseUrl: 'http://mcpo:8000/', showKey: true });
  const connections: readonly { readonly info: { readonly id: string; readonly name: string } }[] = JSON.parse(text);
  expect(connections[0]).toEqual({
    type: 'openapi',
    url: 'http://mcpo:8000/time',
    spec_type: 'url',
    spec: '',
    path: 'openapi.json',
    auth_type: 'bearer',
    headers: null,
    key: 'key-of-the-connections',
    config: {
      enable: true,
      function_name_filter_list: '',
      access_grants: [{ principal_type: 'user', principal_id: '*', permission: 'read' }],
    },
    info: { id: 'time', name: 'Time', description: 'Tools of the MCP server time' },
  });
  expect(connections.map(({ info }) => [info.id, info.name])).toEqual([
    ['time', 'Time'],
    ['my-wiki_v2', 'My Wiki V2'],
    ['Time', 'Time'],
  ]);
});

test.each<[string, object, Readonly<Record<string, string>>]>([
  ['a server with sessions of users', { env: { TOKEN: '${user.id}' } }, {}],
  ['a server for some users only', { access: { groups: ['finance'] } }, {}],
  ['headers that are trusted', {}, { MCPO_TRUST_USER_HEADERS: 'true' }],
  ['user JWTs', {}, { MCPO_OPENWEBUI_USER_JWT_SECRET: 'c2VjcmV0LW9mLXRoZS11c2VyLWp3dHM0NTY3ODkwMTIz' }],
])('%s: a connection has the headers that name the user, and nothing is left to be typed', (_, entry, env) => {
  const file = join(folder, 'users.json');
  writeFileSync(file, JSON.stringify({ mcpServers: { time: { command: 'x', ...entry } } }));
  const { settings, secrets } = load(['-c', file], { MCPO_API_KEY: 'key-of-the-connections', ...env });
  expect(JSON.parse(openWebUiCommand(settings, secrets, defaults).text)[0].headers).toEqual({
    'X-OpenWebUI-User-Id': '{{USER_ID}}',
    'X-OpenWebUI-User-Email': '{{USER_EMAIL}}',
    'X-OpenWebUI-User-Name': '{{USER_NAME}}',
    'X-OpenWebUI-User-Role': '{{USER_ROLE}}',
    'X-OpenWebUI-User-Groups': '{{USER_GROUPS}}',
    'X-OpenWebUI-User-Group-Ids': '{{USER_GROUP_IDS}}',
    'X-OpenWebUI-Chat-Id': '{{CHAT_ID}}',
    'X-OpenWebUI-Message-Id': '{{MESSAGE_ID}}',
  });
});

test('the headers have the names that this service reads', () => {
  const file = join(folder, 'named.json');
  const headers = { userId: 'X-User-Id', userGroups: 'X-User-Groups' };
  writeFileSync(
    file,
    JSON.stringify({ mcpServers: { t: { command: 'x', isolation: 'user' } }, auth: { openWebUi: { headers } } }),
  );
  const { settings, secrets } = load(['-c', file], { MCPO_API_KEY: 'key-of-the-connections' });
  expect(JSON.parse(openWebUiCommand(settings, secrets, defaults).text)[0].headers).toMatchObject({
    'X-User-Id': '{{USER_ID}}',
    'X-User-Groups': '{{USER_GROUPS}}',
    'X-OpenWebUI-User-Group-Ids': '{{USER_GROUP_IDS}}',
  });
});

test('the key is printed only when asked for', () => {
  const { settings, secrets } = load(['-c', config], { MCPO_API_KEY: 'key-of-the-connections' });
  const hidden = openWebUiCommand(settings, secrets, defaults);
  expect(hidden.text).not.toContain('key-of-the-connections');
  expect(JSON.parse(hidden.text)[0]).toMatchObject({ auth_type: 'bearer', key: '' });
  expect(JSON.parse(openWebUiCommand(settings, secrets, { ...defaults, showKey: true }).text)[0].key).toBe(
    'key-of-the-connections',
  );
});

test('without a key there is no authentication to fill in', () => {
  const { settings, secrets } = load(['-c', config]);
  const { text } = openWebUiCommand(settings, secrets, { ...defaults, showKey: true });
  expect(JSON.parse(text)[0]).toMatchObject({ auth_type: 'none', key: '' });
});

test.each<[readonly string[], Readonly<Record<string, string>>, string | undefined, string]>([
  [[], {}, undefined, 'http://127.0.0.1:8000/time'],
  [['-p', '9000'], { API_KEY: 'key-of-the-connections' }, undefined, 'http://localhost:9000/time'],
  [['-h', '::1'], {}, undefined, 'http://[::1]:8000/time'],
  [[], { MCPO_PUBLIC_URL: 'https://a.org/x/' }, undefined, 'https://a.org/x/time'],
  [['--path-prefix', 'tools'], { MCPO_PUBLIC_URL: 'https://a.org' }, 'http://mcpo:1/', 'http://mcpo:1/tools/time'],
])('%j %j %j gives %s', (flags, env, baseUrl, url) => {
  const { settings, secrets } = load([...flags, '-c', config], env);
  expect(JSON.parse(openWebUiCommand(settings, secrets, { ...defaults, baseUrl }).text)[0].url).toBe(url);
});

test('a single server has its tools at the root, and the name of the API', () => {
  const { settings, secrets } = load(['-n', 'My tools', '-d', 'All of them', '--', 'uvx', 'x']);
  const [connection] = JSON.parse(openWebUiCommand(settings, secrets, defaults).text);
  expect(connection.url).toBe('http://127.0.0.1:8000');
  expect(connection.info).toEqual({ id: 'uvx', name: 'My tools', description: 'All of them' });
});

test('--split writes one file per server, for its owner only', () => {
  const { settings, secrets } = load(['-c', config], { MCPO_API_KEY: 'key-of-the-connections' });
  const split = join(folder, 'a', 'out');
  const { text } = openWebUiCommand(settings, secrets, { ...defaults, split, showKey: true });
  const files = ['time.json', 'my-wiki_v2.json', 'Time-2.json'].map((name) => join(split, name));
  expect(text).toBe(files.map((file) => `${file}\n`).join(''));
  expect(readdirSync(split)).toHaveLength(3);
  for (const file of files) {
    expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveLength(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  }
});

test('a folder that cannot be created is reported', () => {
  const { settings, secrets } = load(['-c', config]);
  const call = () => openWebUiCommand(settings, secrets, { ...defaults, split: join(config, 'out') });
  expect(call).toThrow(UsageError);
  expect(call).toThrow('(ENOTDIR)');
});
