import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { fixture, repositoryFolder, runCommand, startService, temporaryFolder, test } from '../harness.ts';

const tls = (name: string) => join(repositoryFolder, 'test/fixtures/tls', name);
const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
const plain = { answers: fixture('answers.js') };
const withVault = {
  user: fixture('user-stdio.js', [], { env: { TOKEN: '$' + '{TOKEN}' }, userVars: { TOKEN: { title: 'Token' } } }),
};

/** Takes connections and never says anything, as a hung Redis or PostgreSQL does. */
let silent: Server;
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
});
afterAll(() => {
  silent.close();
});

interface FailedStart {
  readonly servers?: Readonly<Record<string, object>>;
  readonly args?: readonly string[];
  readonly env?: (silentPort: number) => Readonly<Record<string, string>>;
}

const pair = ['--ssl-certfile', tls('first-cert.pem'), '--ssl-keyfile', tls('first-key.pem')];
const takenPort: Readonly<Record<string, FailedStart>> = {
  'nothing else': {},
  'TLS files that are watched': { args: pair },
  'an audit log': { env: () => ({ SECURITY_LOG_FILE: join(temporaryFolder(), 'audit.log') }) },
  'an open vault': { servers: withVault },
  'an open vault and TLS files': { servers: withVault, args: pair },
  'a Redis that says nothing': { env: (port) => ({ MCPO_REDIS_URL: `redis://127.0.0.1:${port}` }) },
  'a PostgreSQL that says nothing': {
    servers: withVault,
    env: (port) => ({ MCPO_DATABASE_URL: `postgres://user@127.0.0.1:${port}/none`, MCPO_VAULT_KEY: key(1) }),
  },
  'a watched servers file': { args: ['--hot-reload'] },
};

for (const [what, { servers = plain, args = [], env }] of Object.entries(takenPort)) {
  test(`a start that finds its port taken ends by itself, with ${what}`, async () => {
    const port = portOf(silent);
    // In place of the API key that an unreachable database may hold.
    const more = { ...env?.(port), MCPO_API_KEY: 'key-of-the-failed-start-test-7d31' };
    const ended = await runCommand(
      ['--host', '127.0.0.1', '--port', String(port), ...args],
      { servers, env: more },
      25_000,
    );
    expect({ code: ended.code, signal: ended.signal, stdout: ended.stdout }).toEqual({
      code: 1,
      signal: null,
      stdout: '',
    });
    expect(ended.stderr).toMatch(
      new RegExp(`^mcpo-ts: Cannot listen on 127\\.0\\.0\\.1:${port}: the port is taken`, 'm'),
    );
  });
}

test('a start with files that are no TLS pair ends by itself, whatever was opened before', async () => {
  const args = ['--port', '0', '--ssl-certfile', tls('first-cert.pem'), '--ssl-keyfile', tls('second-key.pem')];
  const env = {
    SECURITY_LOG_FILE: join(temporaryFolder(), 'audit.log'),
    MCPO_REDIS_URL: `redis://127.0.0.1:${portOf(silent)}`,
  };
  const ended = await runCommand(args, { servers: withVault, env });
  expect({ code: ended.code, signal: ended.signal, stdout: ended.stdout }).toEqual({
    code: 1,
    signal: null,
    stdout: '',
  });
  expect(ended.stderr).toMatch(/^mcpo-ts: --ssl-certfile .* PEM pair/m);
});

test('a start with the wrong vault key ends by itself and leaves the data as it was', async () => {
  const apiKey = 'key-of-the-failed-start-test-7d31';
  const headers = {
    authorization: `Bearer ${apiKey}`,
    'x-openwebui-user-id': 'ann',
    'content-type': 'application/json',
  };
  const data = { MCPO_DATA_DIR: temporaryFolder(), MCPO_API_KEY: apiKey, MCPO_TRUST_USER_HEADERS: 'true' };
  const withKey = (byte: number) => ({ servers: withVault, env: { ...data, MCPO_VAULT_KEY: key(byte) } });
  const before = await startService(withKey(1));
  const body = JSON.stringify({ value: 'value of ann' });
  const saved = await before.request('PUT', '/vault/api/servers/user/variables/TOKEN', { headers, body });
  expect(saved.status).toBe(204);
  await before.stop();
  const ended = await runCommand(['--port', '0'], withKey(2));
  expect({ code: ended.code, signal: ended.signal, stdout: ended.stdout }).toEqual({
    code: 2,
    signal: null,
    stdout: '',
  });
  const again = await startService(withKey(1));
  const listed = (await again.get('/vault/api/servers', headers)).json();
  expect(listed).toMatchObject([{ variables: [{ name: 'TOKEN', is_set: true }] }]);
});
