import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';
import { fixture, repositoryFolder, runCommand, startService, temporaryFolder, test } from './harness.ts';

const servers = { answers: fixture('answers.js') };
const MCPO_TS = `${process.execPath} ${join(repositoryFolder, 'dist/cli.js')}`;

async function script(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const file = join(repositoryFolder, 'deploy', name);
  const options = { env: { PATH: process.env.PATH ?? '', MCPO_TS, ...env } };
  return promisify(execFile)(file, [...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  );
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

test('rotate-secret-file.sh: both API keys work in between, and no output shows one', async () => {
  const file = join(temporaryFolder(), 'api_key');
  const former = randomBytes(24).toString('hex');
  writeFileSync(file, `${former}\n`, { mode: 0o640 });
  const env = { MCPO_API_KEY_FILE: file, MCPO_API_KEY_PREVIOUS_FILE: `${file}.previous` };
  const service = await startService({ servers, env });
  const statusOf = async (key: string) => (await service.call('answers', 'text', {}, bearer(key))).status;

  const begun = await script('rotate-secret-file.sh', ['begin', file, service.url]);
  expect(begun).toMatchObject({ code: 0, stderr: '' });
  const key = readFileSync(file, 'utf8').trim();
  expect(key).not.toBe(former);
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect([await statusOf(key), await statusOf(former)]).toEqual([200, 200]);
  expect((await script('rotate-secret-file.sh', ['begin', file, service.url])).stderr).toContain('has not ended');

  const ended = await script('rotate-secret-file.sh', ['end', file, service.url]);
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect([await statusOf(key), await statusOf(former)]).toEqual([200, 403]);
  for (const said of [begun.stdout, ended.stdout, service.stdout(), service.stderr()]) {
    expect(said).not.toMatch(new RegExp(`${key}|${former}`));
  }
  writeFileSync(file, 'some-other-key-that-is-not-in-use-yet-81c7');
});

test('rotate-secret-file.sh: tokens of both JWT secrets are accepted in between', async () => {
  const file = join(temporaryFolder(), 'jwt_secret');
  writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 });
  const env = { JWT_SECRET_FILE: file, JWT_SECRET_PREVIOUS_FILE: `${file}.previous` };
  const service = await startService({ servers, env });
  const issue = async () =>
    (await runCommand(['token', 'issue', '--user', 'anna'], { env: { JWT_SECRET_FILE: file } })).stdout.trim();
  const statusOf = async (token: string) => (await service.call('answers', 'text', {}, bearer(token))).status;
  const former = await issue();
  expect((await script('rotate-secret-file.sh', ['begin', file, service.url, 'jwt'])).stderr).toBe('');
  const token = await issue();
  expect([await statusOf(token), await statusOf(former)]).toEqual([200, 200]);
  expect((await script('rotate-secret-file.sh', ['end', file, service.url, 'jwt'])).stderr).toBe('');
  expect([await statusOf(token), await statusOf(former)]).toEqual([200, 401]);
});

test('without the variable of the former secret the script says what is missing', async () => {
  const file = join(temporaryFolder(), 'api_key');
  writeFileSync(file, randomBytes(24).toString('hex'));
  const service = await startService({ servers, env: { MCPO_API_KEY_FILE: file, MCPO_AUTH_FAILURE_LIMIT: 'off' } });
  const { code, stderr } = await script('rotate-secret-file.sh', ['begin', file, service.url]);
  expect(code).toBe(1);
  expect(stderr).toContain('_PREVIOUS_FILE');
}, 60_000);

test('rotate-api-key.sh makes a key, checks it and revokes the former one', async () => {
  const dataDir = join(temporaryFolder(), 'data');
  const env = { MCPO_DATA_DIR: dataDir };
  const former = (await runCommand(['key', 'create', '--id', 'chat-1', '--scope', 'call'], { env })).stdout.trim();
  const service = await startService({ servers, env });
  const statusOf = async (key: string) => (await service.call('answers', 'text', {}, bearer(key))).status;
  expect(await statusOf(former)).toBe(200);
  const file = join(temporaryFolder(), 'chat-2.key');
  const args = ['chat-1', 'chat-2', service.url, file, '--scope', 'call'];
  const { code, stdout, stderr } = await script('rotate-api-key.sh', args, env);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const key = readFileSync(file, 'utf8').trim();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(stdout).not.toContain(key);
  expect(await statusOf(key)).toBe(200);
  expect((await script('rotate-api-key.sh', args, env)).stderr).toContain('exists already');
});
