import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { AuthSettings } from '../../../src/auth/auth-settings.ts';
import { parseCommandLine } from '../../../src/cli/arguments.ts';
import { RunningConfiguration } from '../../../src/cli/running-configuration.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { loadSettings } from '../../../src/config/load-settings.ts';
import type { ServerConfig } from '../../../src/config/server-config.ts';
import type { OnRead } from '../../../src/config/server-context.ts';
import { SecretReferences } from '../../../src/secret-sources/secret-references.ts';
import type { Reload } from '../../../src/service/reload.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { WatchedFiles } from '../../../src/watched-files.ts';
import { waitFor } from '../../wait-for.ts';

const key = (number: number) => `key-of-this-test-${number}-8c41d2f07a6e35`;
const hash = (digit: string) => digit.repeat(64);

let folder = '';
let said: string[] = [];
let applied: { servers: readonly string[]; keys: readonly string[]; roles: number }[] = [];
let authenticated: (string | undefined)[] = [];
let refused: string[] = [];
let used: (readonly ServerConfig[])[] = [];
let running: RunningConfiguration | undefined;

const path = (name: string) => join(folder, name);
const writeServers = (names: readonly string[], auth = {}) =>
  writeFileSync(
    path('servers.json'),
    JSON.stringify({ mcpServers: Object.fromEntries(names.map((name) => [name, { command: 'x' }])), auth }),
  );

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'running-'));
  [said, applied, authenticated, refused, used] = [[], [], [], [], []];
  writeServers(['a'], { keys: [{ id: 'one', hash: hash('1') }], roles: { admin: ['admin'] } });
  writeFileSync(path('key'), key(1));
  writeFileSync(path('redis'), 'redis://cache-1');
  writeFileSync(path('vault'), 'a key');
});
afterEach(() => {
  running?.stop();
  rmSync(folder, { recursive: true });
});

function start(...flags: readonly string[]): void {
  const command = parseCommandLine(['--config', path('servers.json'), ...flags]);
  if (command.kind !== 'serve') throw new Error('This does not serve.');
  const { options } = command;
  const env = {
    MCPO_API_KEY_FILE: path('key'),
    MCPO_REDIS_URL_FILE: path('redis'),
    MCPO_VAULT_KEY_FILE: path('vault'),
  };
  const watched = new WatchedFiles({ lookMs: 25, restMs: 10 });
  const readOnce = (onRead?: (file: string) => void) => readEnvironment(env, { onRead });
  const referencedFiles = new Set<string>();
  const onRead: OnRead = (file, kind) => {
    if (kind === 'secret') referencedFiles.add(file);
    if (options.hotReload || kind === 'secret') watched.note(file);
  };
  const environment = readOnce(onRead);
  const { authFile, text } = loadSettings(options, environment, false, onRead);
  const say = (message: string) => void said.push(message);
  const logger: Logger = { error: say, warn: say, info: say, debug: say, isDebug: () => false };
  const reload: Reload = {
    apply: async ({ servers, auth }) => {
      const keys = auth.keys.map(({ id }) => id);
      applied.push({ servers: servers.map(({ name }) => name), keys, roles: auth.scopesByRole.size });
    },
    useSecrets: (servers) => void used.push(servers),
    authenticate: async ({ apiKey }: AuthSettings) => void authenticated.push(apiKey),
    refuse: (error) => void refused.push(String(error)),
  };
  running = new RunningConfiguration({
    options,
    readEnvironment: readOnce,
    environment,
    authFile,
    servers: [],
    text,
    referencedFiles,
    references: new SecretReferences(),
    watched,
    reload,
    logger,
  });
}

test('a changed secret is used without --hot-reload, one that needs a restart is reported once', async () => {
  start();
  writeFileSync(path('key'), key(2));
  await waitFor(() => authenticated.length > 0);
  writeFileSync(path('redis'), 'redis://cache-2');
  await waitFor(() => said.some((message) => message.includes('MCPO_REDIS_URL_FILE has changed; restart')));
  writeServers(['b']);
  writeFileSync(path('key'), key(3));
  await waitFor(() => authenticated.length > 1);
  expect(authenticated).toEqual([key(2), key(3)]);
  expect(said.filter((message) => message.includes('restart'))).toHaveLength(1);
  expect([applied, refused]).toEqual([[], []]);
});

test('a secret that cannot be used is reported once, and its previous value stays in use', async () => {
  start();
  writeFileSync(path('key'), '');
  await waitFor(() => said.some((message) => message.includes('previous value stays in use')));
  writeFileSync(path('key'), ' ');
  writeFileSync(path('redis'), 'redis://cache-2');
  await waitFor(() => said.some((message) => message.includes('restart')));
  writeFileSync(path('key'), key(4));
  await waitFor(() => authenticated.length > 0);
  expect(authenticated).toEqual([key(4)]);
  expect(said.filter((message) => message.includes('previous value stays in use'))).toHaveLength(1);
});

test('a changed or missing key file of the vault is reported, and nothing else is done', async () => {
  start();
  writeFileSync(path('vault'), 'another key');
  await waitFor(() => said.some((message) => message.includes('MCPO_VAULT_KEY_FILE has changed')));
  rmSync(path('vault'));
  await waitFor(() => said.some((message) => message.includes('MCPO_VAULT_KEY_FILE cannot be read now')));
  expect(said).toHaveLength(2);
  expect([applied, authenticated, refused]).toEqual([[], [], []]);
});

test('--hot-reload takes the servers and the keys of the file, and the rest of "auth" from the start', async () => {
  start('--hot-reload');
  writeServers(['a', 'b'], { keys: [{ id: 'two', hash: hash('2') }], roles: { admin: ['admin'], user: ['admin'] } });
  await waitFor(() => applied.length > 0);
  expect(applied).toEqual([{ servers: ['a', 'b'], keys: ['two'], roles: 1 }]);
  writeFileSync(path('servers.json'), '{');
  await waitFor(() => refused.length > 0);
  expect(refused[0]).toContain('expected "}" before the end of the file');
  writeServers(['c']);
  await waitFor(() => applied.length > 1);
  expect(applied[1]).toEqual({ servers: ['c'], keys: [], roles: 1 });
});

test('a reload on request reads everything again', async () => {
  start();
  writeServers(['c']);
  void running?.reload();
  await waitFor(() => applied.length > 0);
  expect(applied).toEqual([{ servers: ['c'], keys: [], roles: 1 }]);
});

test('a changed file of ${file:…} is used without --hot-reload, and the servers file as it was read', async () => {
  const server = (name: string) => ({ [name]: { command: 'x', env: { TOKEN: '${file:token}' } } });
  writeFileSync(path('token'), 'value-before-the-rotation');
  writeFileSync(path('servers.json'), JSON.stringify({ mcpServers: server('a') }));
  start();
  writeFileSync(path('servers.json'), JSON.stringify({ mcpServers: server('b') }));
  writeFileSync(path('token'), 'value-after-the-rotation');
  await waitFor(() => used.length > 0);
  expect(used[0]?.map(({ name }) => name)).toEqual(['a']);
  expect(JSON.stringify(used[0]?.map(({ transport }) => transport.type === 'stdio' && [...transport.env]))).toContain(
    'value-after-the-rotation',
  );
  rmSync(path('token'));
  writeFileSync(path('token'), 'value-after-the-second-rotation');
  await waitFor(() => used.length > 1);
  expect([applied, refused]).toEqual([[], []]);
});
