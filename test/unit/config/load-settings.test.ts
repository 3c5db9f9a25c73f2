import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { parseCommandLine } from '../../../src/cli/arguments.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { loadServers, loadSettings } from '../../../src/config/load-settings.ts';
import type { ServerConfig } from '../../../src/config/server-config.ts';
import { ConfigError, UsageError } from '../../../src/errors.ts';
import { literalText } from '../../../src/placeholders/resolve-template.ts';

const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-'));
const path = (name: string) => join(folder, name);
writeFileSync(
  path('s.json'),
  '{"operationIds":"tool","mcpServers":{"a":{"command":"x","env":{"K":"${FROM_FILE}${FROM_FLAG}"}}},"x":1}',
);
writeFileSync(path('x.env'), 'FROM_FILE=file\nFROM_FLAG=file\nSET=file\nAPI_KEY=theirs\n');
writeFileSync(path('c.pem'), '');
afterAll(() => rmSync(folder, { recursive: true }));

const single = ['--', 'uvx', 'x'];
const strong = 'key-8c41d2f07a6e35';

function load(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const command = parseCommandLine(argv);
  if (!('options' in command)) throw new Error(`${command.kind} has no options.`);
  return loadSettings(command.options, readEnvironment(env, { envPath: command.options.envPath }));
}

function stdio(config: ServerConfig | undefined) {
  if (config?.transport.type !== 'stdio') throw new Error('This is not a stdio server.');
  return config.transport;
}

describe('defaults', () => {
  test('one server', () => {
    const { settings, secrets, warnings } = load(single, { LOG_FORMAT: 'json', PATH: '/bin', XDG_DATA_HOME: '/data' });
    expect({ ...settings, servers: [] }).toEqual({
      host: '127.0.0.1',
      port: 8000,
      tls: undefined,
      api: { name: undefined, description: undefined, version: undefined },
      rootPath: '',
      pathPrefix: '/',
      corsAllowOrigins: undefined,
      allowedHosts: [],
      strictAuth: false,
      publicUrl: undefined,
      openWebUiPublicUrl: undefined,
      adminEdits: 'off',
      dataDir: '/data/mcpo-ts',
      hotReload: false,
      vault: { keepsLastFour: false },
      sessions: { maxSessions: 1_000, maxSessionsPerUser: 20, maxMemoryMb: undefined },
      trustProxy: [],
      rateLimit: { calls: { limit: 6_000, windowMs: 60_000 }, authFailures: { limit: 60, windowMs: 60_000 } },
      audit: { file: undefined, required: false, pseudonymise: false, retentionDays: undefined },
      hasAuthentication: false,
      logLevel: 'info',
      logFormat: 'json',
      outputFormat: 'json',
      accessLog: true,
      configFile: undefined,
      singleServer: true,
      servers: [],
      operationIds: 'server',
      maxBodyBytes: 10_485_760,
      maxBodiesBytes: 268_435_456,
      connections: { max: 8_192, maxPerAddress: 2_048 },
      preStopMs: 0,
      drainTimeMs: 10_000,
      metrics: undefined,
      tracing: undefined,
      sentry: { environment: 'production', release: undefined },
    });
    expect(secrets.configured).toEqual([]);
    expect(secrets.auth).toMatchObject({ apiKey: undefined, keys: [], issuers: [] });
    expect(warnings).toEqual([]);
  });

  test('a servers file, with its warnings', () => {
    const { settings, warnings } = load(['-c', path('s.json'), '-e', 'FROM_FILE=', '-e', 'FROM_FLAG=']);
    expect(settings).toMatchObject({ configFile: path('s.json'), singleServer: false, operationIds: 'tool' });
    expect(warnings).toHaveLength(1);
  });

  test('a flag wins over the environment', () => {
    const env = { LOG_LEVEL: 'debug', MCPO_API_KEY: 'from-env-8c41d2f07a' };
    expect(load(single, env).settings.logLevel).toBe('debug');
    const { settings, secrets } = load(['--log-level', 'error', '-k', ' from-flag-8c41d2f07a ', ...single], env);
    expect(settings.logLevel).toBe('error');
    expect(secrets.auth.apiKey).toBe('from-flag-8c41d2f07a');
  });
});

describe('who may reach it', () => {
  test.each<[readonly string[], string, string]>([
    [[], '', '127.0.0.1'],
    [[], strong, '0.0.0.0'],
    [['-k', strong], '', '0.0.0.0'],
    [['--allow-weak-secrets', '-k', 'weak'], '', '127.0.0.1'],
    [['--allow-weak-secrets', '-h', '[::1]'], 'weak', '::1'],
    [['--allow-unauthenticated'], '', '127.0.0.1'],
    [['--allow-unauthenticated', '-h', '0.0.0.0'], '', '0.0.0.0'],
    [['-h', '10.0.0.1'], strong, '10.0.0.1'],
    [['-h', '127.0.0.1'], '', '127.0.0.1'],
    [['-h', '127.1.2.3'], '', '127.1.2.3'],
    [['-h', 'localhost'], '', 'localhost'],
    [['-h', '::1'], '', '::1'],
    [['-h', '[::1]'], '', '::1'],
  ])('%j with the key %j listens on %s', (flags, key, host) => {
    expect(load([...flags, ...single], { API_KEY: key }).settings.host).toBe(host);
  });

  test.each(['0.0.0.0', '::', '10.0.0.1', 'localhost.example.org', '127.0.0.1.example.org', '::ffff:0.0.0.0'])(
    'without a key, %s is refused',
    (host) => {
      expect(() => load(['-h', host, ...single])).toThrow(UsageError);
      expect(() => load(['-h', host, ...single])).toThrow('--allow-unauthenticated');
    },
  );

  test('an empty key is refused, and --strict-auth without one', () => {
    expect(() => load(['-k', ' ', ...single])).toThrow('--api-key is empty; give it a value or leave it out.');
    expect(() => load(['-k', '', ...single], { MCPO_API_KEY: strong })).toThrow(UsageError);
    expect(() => load(['--strict-auth', ...single])).toThrow(/--strict-auth needs .* MCPO_API_KEY, .*key create/);
    expect(load(['--strict-auth', ...single], { MCPO_API_KEY: strong }).settings.strictAuth).toBe(true);
  });
});

test.each([
  ['', '/', ''],
  ['/', '/', ''],
  ['a', '/a/', '/a'],
  ['/a', '/a/', '/a'],
  ['a/', '/a/', '/a'],
  ['//a//b//', '/a/b/', '/a/b'],
])('the path %j becomes the prefix %j and the root %j', (given, pathPrefix, rootPath) => {
  const { settings } = load(['--path-prefix', given, '--root-path', given, ...single]);
  expect(settings).toMatchObject({ pathPrefix, rootPath });
});

test('the URL of Redis and its password, as written and as meant, are never printed', () => {
  const redisUrl = 'redis://:p%40ss-word@cache:6379/1';
  const { settings, secrets } = load(single, { MCPO_REDIS_URL: redisUrl });
  expect(secrets.redisUrl).toBe(redisUrl);
  expect(secrets.configured).toEqual(expect.arrayContaining([redisUrl, 'p%40ss-word', 'p@ss-word']));
  expect(JSON.stringify(settings)).not.toContain('ss-word');
});

test('TLS files must be readable, and each that is not is reported', () => {
  expect(load(['-t', path('c.pem'), '-K', path('c.pem'), ...single]).settings.tls).toEqual({
    certFile: path('c.pem'),
    keyFile: path('c.pem'),
  });
  const call = () => load(['-t', path('no.pem'), '-K', path('no-key.pem'), ...single]);
  expect(call).toThrow(ConfigError);
  expect(call).toThrow(/--ssl-certfile.*\n.*--ssl-keyfile/);
});

describe('--env and --env-path', () => {
  const argv = [
    '-c',
    path('s.json'),
    '--env-path',
    path('x.env'),
    '--env',
    'FROM_FLAG=flag',
    '--env',
    'SOME_TOKEN=tok-1',
  ];
  const env = { SET: 'process', PATH: '/bin', API_KEY: 'own-8c41d2f07a6e35' };

  test('serve placeholders and go to every child; a set variable wins over the file, --env over all', () => {
    const { settings, secrets } = load(argv, env);
    const transport = stdio(settings.servers[0]);
    expect(literalText(transport.env.get('K') ?? [])).toBe('fileflag');
    expect({ ...transport.inheritedEnv }).toEqual({
      PATH: '/bin',
      FROM_FILE: 'file',
      FROM_FLAG: 'flag',
      SET: 'process',
      SOME_TOKEN: 'tok-1',
    });
    expect(secrets.configured).toEqual(expect.arrayContaining(['tok-1']));
    expect(secrets.auth.apiKey).toBe('own-8c41d2f07a6e35');
  });

  test('what the file says of the service sets it where the environment does not, and reaches no child', () => {
    writeFileSync(path('own.env'), `API_KEY=${strong}\nMCPO_DATA_DIR=/from-file\nLOG_LEVEL=debug\nJWT_SECRET=x\nX=1\n`);
    const file = ['--env-path', path('own.env'), ...single];
    const jwt = 'secret-of-the-unit-test-4b7e19c2f0';
    const { settings, secrets } = load(file, { JWT_SECRET: jwt, LOG_LEVEL: '', MCPO_DATA_DIR: '/from-env' });
    expect(settings).toMatchObject({ logLevel: 'debug', dataDir: '/from-env' });
    expect(secrets.auth).toMatchObject({ apiKey: strong, issuers: [{ keySource: { secret: jwt } }] });
    expect({ ...stdio(settings.servers[0]).inheritedEnv }).toEqual({ X: '1' });
    expect(load(file, { JWT_SECRET: jwt, MCPO_API_KEY: `${strong}-2` }).secrets.auth.apiKey).toBe(`${strong}-2`);
  });

  test('a file that does not exist is a problem', () => {
    expect(() => load(['--env-path', path('no.env'), ...single])).toThrow(
      `key "--env-path": the file "${path('no.env')}" does not exist.`,
    );
  });
});

describe('the one server after --', () => {
  test('its words are taken as they are', () => {
    const { settings } = load(['-e', 'A=1', '--', '/opt/bin/my-server.cmd', '${HOME}', '{{USER_ID}}', '']);
    const [server] = settings.servers;
    expect(server).toMatchObject({ name: 'my-server', isolation: 'shared', timeoutMs: 300_000 });
    expect(literalText(stdio(server).command)).toBe('/opt/bin/my-server.cmd');
    expect(stdio(server).args.map(literalText)).toEqual(['${HOME}', '{{USER_ID}}', '']);
    expect({ ...stdio(server).inheritedEnv }).toEqual({ A: '1' });
  });

  test.each([
    ['uvx', 'uvx'],
    ['./a b', 'server'],
    ['docs', 'server'],
  ])('%j is called %j', (command, name) => {
    expect(load(['--', command]).settings.servers[0]?.name).toBe(name);
  });

  test('a remote one', () => {
    const { settings, secrets } = load([
      '--type',
      'sse',
      '-H',
      '{"X-Key":"abcd"}',
      '--',
      'https://mcp.example.org/sse?k=qqqq',
    ]);
    const [server] = settings.servers;
    expect(server?.name).toBe('mcp.example.org');
    expect(server?.transport).toEqual({
      type: 'sse',
      url: [{ kind: 'literal', text: 'https://mcp.example.org/sse?k=qqqq' }],
      headers: new Map([['X-Key', [{ kind: 'literal', text: 'abcd' }]]]),
    });
    expect(secrets.configured).toEqual(['qqqq', 'abcd']);
  });
});

test('loadServers reads the file again with the same options', () => {
  const file = path('reload.json');
  const command = parseCommandLine(['-c', file, '--hot-reload']);
  if (command.kind !== 'serve') throw new Error('This does not serve.');
  const names = () => loadServers(command.options, readEnvironment({})).servers.map(({ name }) => name);
  writeFileSync(file, '{"mcpServers":{"a":{"command":"x"}}}');
  expect(names()).toEqual(['a']);
  writeFileSync(file, '{"mcpServers":{"b":{"command":"x"},"a":{"command":"x"}}}');
  expect(names()).toEqual(['b', 'a']);
  writeFileSync(file, '{"mcpServers":{');
  expect(names).toThrow(`${file}:1: expected "}" before the end of the file.`);
  rmSync(file);
  expect(names).toThrow(`${file}: the servers file does not exist.`);
});
