import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { fixture, runCommand, test } from '../e2e/harness.ts';
import { makePostgresDatabase } from './postgres-database.ts';

const redisUrl = process.env.MCPO_TEST_REDIS_URL ?? 'redis://127.0.0.1:6379';
const user = fixture('user-stdio.js', [], { env: { TOKEN: '$' + '{TOKEN}' }, userVars: { TOKEN: { title: 'Token' } } });
let holder: Server;

beforeAll(async () => {
  holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
});
afterAll(() => {
  holder.close();
});

/** A start that finds its port taken: it must end by itself, which the harness waits for and does not bring about. */
async function expectEnd(env: Readonly<Record<string, string>>): Promise<void> {
  const { port } = holder.address() as AddressInfo;
  const all = { MCPO_API_KEY: 'key-of-the-failed-start-test-7d31', ...env };
  const ended = await runCommand(
    ['--host', '127.0.0.1', '--port', String(port)],
    { servers: { user }, env: all },
    25_000,
  );
  expect({ code: ended.code, signal: ended.signal, stdout: ended.stdout }).toEqual({
    code: 1,
    signal: null,
    stdout: '',
  });
  expect(ended.stderr).toMatch(/^mcpo-ts: Cannot listen on .*: the port is taken/m);
}

test('a failed start closes its connection to Redis', () => expectEnd({ MCPO_REDIS_URL: redisUrl }));

test('a failed start closes its connections to PostgreSQL, and to Redis with them', async () => {
  const database = await makePostgresDatabase();
  try {
    const vaultKey = Buffer.alloc(32, 7).toString('base64');
    const env = { MCPO_DATABASE_URL: database.databaseUrl, MCPO_VAULT_KEY: vaultKey };
    await expectEnd(env);
    await expectEnd({ ...env, MCPO_REDIS_URL: redisUrl });
  } finally {
    await database.remove();
  }
});
