import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { encodeToken, hs256 } from '../../fixtures/forged-tokens.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from '../harness.ts';

const key = (name: string) => `key-of-the-env-path-test-${name}`;
const secret = (name: string) => `secret-of-the-env-path-test-that-is-long-${name}`;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const tokenOf = (signedWith: string) =>
  encodeToken({ alg: 'HS256' }, { sub: 'ann', exp: Math.floor(Date.now() / 1_000) + 600 }, hs256(signedWith));
const statusOf = async (service: Service, token: string) =>
  (await service.call('env', 'environment', {}, bearer(token))).status;

test('--env-path sets the service, and none of its names reaches a child', async () => {
  const folder = temporaryFolder();
  const audit = join(folder, 'audit.log');
  const file = join(folder, 'service.env');
  const own = {
    MCPO_API_KEY: key('a'),
    JWT_SECRET: secret('a'),
    MCPO_VAULT_KEY: Buffer.alloc(32, 7).toString('base64'),
    MCPO_DATA_DIR: join(folder, 'data'),
    MCPO_TRUST_USER_HEADERS: 'true',
    SECURITY_LOG_FILE: audit,
    LOG_LEVEL: 'debug',
    LOG_FORMAT: 'json',
  };
  const lines = Object.entries({ ...own, FOR_SERVERS: 'yes', NODE_NOTE: 'n' }).map(
    ([name, value]) => `${name}=${value}`,
  );
  writeFileSync(file, lines.join('\n'));
  const servers = {
    env: fixture('env.js'),
    everything: fixture('env.js', [], { inheritEnv: '*' }),
    named: fixture('env.js', [], { inheritEnv: ['MCPO_*', 'JWT_SECRET', 'LOG_LEVEL', 'API_KEY*'] }),
  };
  const service = await startService({
    servers,
    args: ['--env-path', file],
    env: { API_KEY_FILE: '', FOR_ALL: 'real', MCPO_PUBLIC_URL: 'https://tools.example.org' },
  });
  expect((await service.get('/env/openapi.json')).status).toBe(200);
  expect((await service.call('env', 'environment', {})).status).toBe(401);
  expect(await statusOf(service, tokenOf(secret('a')))).toBe(200);
  for (const server of Object.keys(servers)) {
    const answer = await service.call(server, 'environment', {}, bearer(key('a')));
    const { env } = answer.json() as { env: Record<string, string> };
    const names = Object.keys(env).filter((name) => /^(MCPO_|JWT_|API_KEY|LOG_|SECURITY_)/.test(name));
    expect([server, names, env.FOR_SERVERS, env.FOR_ALL]).toEqual([
      server,
      [],
      'yes',
      server === 'everything' ? 'real' : undefined,
    ]);
    for (const value of [own.MCPO_API_KEY, own.JWT_SECRET, own.MCPO_VAULT_KEY]) {
      expect(answer.text + service.stderr() + service.stdout()).not.toContain(value);
    }
  }
  expect(service.stderr()).toContain('"level":"debug"');
  const made = await runCommand(['key', 'create', '--id', 'ci', '--env-path', file]);
  expect(made.code).toBe(0);
  const stored = /mcpo_[\w-]+/.exec(made.stdout + made.stderr)?.[0] ?? '';
  await waitFor(async () => (await statusOf(service, stored)) === 200, 10_000, 'the key to count');
});

test('the environment wins over the file, in whichever spelling, and an empty variable does not', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'service.env');
  const secretFile = join(folder, 'key');
  writeFileSync(secretFile, key('of-file'));
  writeFileSync(file, `MCPO_API_KEY=${key('of-env-path')}\n`);
  const args = ['--env-path', file];
  const servers = { env: fixture('env.js') };
  for (const [env, right] of [
    [{ MCPO_API_KEY: key('real') }, key('real')],
    [{ API_KEY: key('real') }, key('real')],
    [{ API_KEY_FILE: secretFile }, key('of-file')],
    [{ MCPO_API_KEY_FILE: secretFile }, key('of-file')],
    [{ MCPO_API_KEY: '', API_KEY_FILE: ' ' }, key('of-env-path')],
  ] as const) {
    const service = await startService({ servers, args, env });
    const wrong = [key('of-env-path'), key('of-file'), key('real')].filter((one) => one !== right);
    const statuses = await Promise.all([right, ...wrong].map((one) => statusOf(service, one)));
    expect([env, statuses]).toEqual([env, [200, 403, 403]]);
    await service.stop();
  }
});

test('a changed secret file takes effect without a restart, as Kubernetes and Docker change it', async () => {
  const folder = temporaryFolder();
  // Kubernetes: each file leads through ..data, which is replaced as a whole.
  const publish = (name: string, apiKey: string, jwtSecret: string) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'api-key'), `${apiKey}\n`);
    writeFileSync(join(folder, name, 'jwt-secret'), jwtSecret);
    symlinkSync(name, join(folder, '..data-next'));
    renameSync(join(folder, '..data-next'), join(folder, '..data'));
  };
  publish('one', key('first'), secret('first'));
  for (const name of ['api-key', 'jwt-secret']) symlinkSync(join('..data', name), join(folder, name));
  const service = await startService({
    servers: { env: fixture('env.js') },
    env: { API_KEY_FILE: join(folder, 'api-key'), JWT_SECRET_FILE: join(folder, 'jwt-secret') },
  });
  expect([await statusOf(service, key('first')), await statusOf(service, tokenOf(secret('first')))]).toEqual([
    200, 200,
  ]);
  const before = tokenOf(secret('first'));
  expect(await statusOf(service, before)).toBe(200);

  publish('two', key('second'), secret('second'));
  expect(readlinkSync(join(folder, '..data'))).toBe('two');
  const count = async (apiKey: string, jwtSecret: string) =>
    (await statusOf(service, apiKey)) === 200 && (await statusOf(service, tokenOf(jwtSecret))) === 200;
  await waitFor(() => count(key('second'), secret('second')), 15_000, 'the new secrets to count');
  expect([await statusOf(service, key('first')), await statusOf(service, before)]).toEqual([403, 401]);

  // What cannot be used changes nothing and is logged once: a weak secret, an empty file, none at all.
  const file = join(folder, 'api-key');
  const attempts: [string, () => void][] = [
    ['fewer than 16 characters', () => writeFileSync(join(folder, 'two', 'api-key'), 'too-short')],
    ['is empty', () => writeFileSync(join(folder, 'two', 'api-key'), ' \n')],
    ['does not exist', () => rmSync(file)],
  ];
  for (const [reason, change] of attempts) {
    change();
    await waitFor(() => service.stderr().includes(reason), 15_000, reason);
    expect([reason, await statusOf(service, key('second'))]).toEqual([reason, 200]);
  }
  writeFileSync(file, key('third'));
  await waitFor(async () => (await statusOf(service, key('third'))) === 200, 15_000, 'the third key to count');
  expect(await statusOf(service, key('second'))).toBe(403);
  const logged = service
    .stderr()
    .split('\n')
    .filter((line) => line.includes('previous value stays in use'));
  expect(logged).toHaveLength(attempts.length);
  for (const told of [key('first'), key('second'), key('third'), secret('second'), 'too-short']) {
    expect(service.stderr() + service.stdout()).not.toContain(told);
  }
});

test("Open WebUI's user secret is followed too, and a reload keeps what is in use", async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'user-secret');
  writeFileSync(file, secret('first'));
  const service = await startService({
    servers: { env: fixture('env.js') },
    env: { MCPO_API_KEY: key('a'), MCPO_OPENWEBUI_USER_JWT_SECRET_FILE: file },
  });
  const as = (signedWith: string) => {
    const claims = { iss: 'open-webui', sub: 'ann', role: 'user', exp: Math.floor(Date.now() / 1_000) + 60 };
    return { ...bearer(key('a')), 'x-openwebui-user-jwt': encodeToken({ alg: 'HS256' }, claims, hs256(signedWith)) };
  };
  const status = async (signedWith: string) => (await service.call('env', 'environment', {}, as(signedWith))).status;
  expect(await status(secret('first'))).toBe(200);
  writeFileSync(file, secret('second'));
  await waitFor(async () => (await status(secret('second'))) === 200, 15_000, 'the new secret to count');
  service.kill('SIGHUP');
  await waitFor(() => service.stderr().includes('configuration reloaded'));
  expect([await status(secret('first')), await status(secret('second'))]).toEqual([401, 200]);
});
