import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { fixture, repositoryFolder, runCommand, type Service, startService, temporaryFolder, test } from './harness.ts';

const tlsFolder = join(repositoryFolder, 'test/fixtures/tls');
const API_KEY = '7d1f0a93c84b4e2f9a65';

/** Where a service without the folder's file would be looked for is never this test's own. */
async function health(dataDir: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await runCommand(['health', ...args], { env: { MCPO_DATA_DIR: dataDir, ...env } });
  expect(stdout).toBe('');
  return { code, message: stderr };
}

function runtimeFile(dataDir: string): string {
  const [name = ''] = readdirSync(join(dataDir, 'run'));
  return join(dataDir, 'run', name);
}

describe('a service with TLS, a prefix, a key and a server that cannot start', () => {
  const dataDir = temporaryFolder();
  let service: Service;

  beforeAll(async () => {
    service = await startService({
      servers: { broken: { command: '/nowhere/to/be/found', required: true } },
      args: [
        '-t',
        join(tlsFolder, 'first-cert.pem'),
        '-K',
        join(tlsFolder, 'first-key.pem'),
        '--path-prefix',
        '/mcp',
      ].concat(['--root-path', '/tools', '--strict-auth']),
      env: { MCPO_API_KEY: API_KEY, MCPO_DATA_DIR: dataDir },
      waitForReady: false,
    });
  });
  afterAll(() => service.stop());

  test('health finds it by its data folder and accepts its certificate', async () => {
    expect(await health(dataDir)).toEqual({ code: 0, message: '' });
    expect(await health(dataDir, ['--port', String(service.port)])).toEqual({ code: 0, message: '' });
  });

  test('health finds TLS on a port without the file', async () => {
    expect(await health(temporaryFolder(), ['--port', String(service.port)])).toEqual({ code: 0, message: '' });
  });

  test('health --ready names the required server that is not ready', async () => {
    const { code, message } = await health(dataDir, ['--ready']);
    expect({ code, message }).toEqual({ code: 1, message: expect.stringMatching(/not ready: .*broken \(\w/) });
    expect(message.trim().split('\n')).toHaveLength(1);
  });

  test('health --env-path reads the data folder from the file', async () => {
    const file = join(temporaryFolder(), 'service.env');
    writeFileSync(file, `MCPO_DATA_DIR=${dataDir}\n`);
    expect(await health('', ['--env-path', file])).toEqual({ code: 0, message: '' });
  });

  test('the file is readable by its owner only and holds no secret', () => {
    const file = runtimeFile(dataDir);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDir, 'run')).mode & 0o777).toBe(0o700);
    expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')) as object)).toEqual([
      'pid',
      'url',
      'instance',
      'version',
      'startedAt',
    ]);
  });

  test('an address at which another service answers is not healthy', async () => {
    const file = runtimeFile(dataDir);
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, before.replace(/"instance":"[^"]*"/, '"instance":"other"'));
    const { code, message } = await health(dataDir);
    writeFileSync(file, before);
    expect({ code, message }).toEqual({ code: 1, message: expect.stringContaining('another service answers') });
  });

  test('a file in a folder that others can write is not believed', async () => {
    const file = runtimeFile(dataDir);
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, before.replace(/"instance":"[^"]*"/, '"instance":"other"'));
    chmodSync(join(dataDir, 'run'), 0o777);
    const answer = await health(dataDir, ['--port', String(service.port)]);
    chmodSync(join(dataDir, 'run'), 0o700);
    writeFileSync(file, before);
    expect(answer).toEqual({ code: 0, message: '' });
  });
});

test('a service without a writable data folder is found by the folder for temporary files', async () => {
  const env = { MCPO_DATA_DIR: '/dev/null/data', TMPDIR: temporaryFolder() };
  const service = await startService({ servers: { answers: fixture('answers.js') }, env });
  expect(await health(env.MCPO_DATA_DIR, ['--ready'], { TMPDIR: env.TMPDIR })).toEqual({ code: 0, message: '' });
  await service.stop();
  expect(await health(env.MCPO_DATA_DIR, ['--port', String(service.port)], { TMPDIR: env.TMPDIR })).toEqual({
    code: 1,
    message: expect.stringContaining('cannot be reached (ECONNREFUSED)'),
  });
});

test('a service that was killed is not healthy; the next one removes its file, and its own when it ends', async () => {
  const dataDir = temporaryFolder();
  const options = { servers: { answers: fixture('answers.js') }, env: { MCPO_DATA_DIR: dataDir }, waitForReady: false };
  const first = await startService(options);
  await first.stop('SIGKILL');
  expect(await health(dataDir)).toEqual({ code: 1, message: expect.stringContaining('has ended without cleaning up') });
  const second = await startService(options);
  expect(readdirSync(join(dataDir, 'run'))).toHaveLength(1);
  expect(await health(dataDir)).toEqual({ code: 0, message: '' });
  await second.stop();
  expect(readdirSync(join(dataDir, 'run'))).toEqual([]);
});

test('health --url: something that is not mcpo-ts is not healthy, and a redirect is not followed', async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { code, message } = await health(temporaryFolder(), ['--url', `http://127.0.0.1:${port}/`]);
  server.close();
  expect({ code, message }).toEqual({ code: 1, message: expect.stringContaining('not as mcpo-ts does') });
  expect(asked).toEqual(['/healthz']);
});

test('flags that cannot be used end with 2 and a sentence', async () => {
  for (const args of [['--port', '0'], ['--port', '8000', '--url', 'http://x'], ['--url', 'ftp://x'], ['--nonsense']]) {
    expect(await health(temporaryFolder(), args)).toEqual({
      code: 2,
      message: expect.stringMatching(/^mcpo-ts health: .+\n$/),
    });
  }
});
