import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from '../harness.ts';

const servers = { answers: fixture('answers.js') };
const strong = '5b1f07c9e2a84d36-of-the-weak-secrets-test';
const digest = (key: string) => createHash('sha256').update(key).digest('hex');

function fileWith(text: string): string {
  const file = join(temporaryFolder(), 'secret');
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return file;
}

interface Row {
  readonly name: string;
  readonly weak: string;
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
  readonly auth?: object;
}

const rows: readonly Row[] = [
  { name: 'MCPO_API_KEY', weak: 'top-secret', env: { MCPO_API_KEY: 'top-secret' } },
  { name: 'MCPO_API_KEY', weak: 'changeme-changeme-changeme', env: { MCPO_API_KEY: 'changeme-changeme-changeme' } },
  { name: 'MCPO_API_KEY', weak: 'z'.repeat(40), env: { MCPO_API_KEY: 'z'.repeat(40) } },
  { name: 'MCPO_API_KEY', weak: 'fifteen-letters', env: { MCPO_API_KEY_FILE: fileWith('fifteen-letters') } },
  { name: 'API_KEY', weak: 't0p-s3cr3t', env: { API_KEY: 't0p-s3cr3t' } },
  { name: '--api-key', weak: 'your-api-key-here', args: ['--api-key', 'your-api-key-here'] },
  {
    name: 'auth.keys',
    weak: 'password123',
    auth: { keys: [{ id: 'ci', hash: digest('password123') }] },
  },
  {
    name: 'JWT_SECRET',
    weak: 'thirty-one-bytes-are-too-few-7c',
    env: { JWT_SECRET: 'thirty-one-bytes-are-too-few-7c' },
  },
  {
    name: 'JWT_SECRET',
    weak: 'your-256-bit-secret-your-256-bit-secret',
    env: { JWT_SECRET: 'your-256-bit-secret-your-256-bit-secret' },
  },
  { name: 'JWT_SECRET', weak: 'short-secret-91d', env: { JWT_SECRET_FILE: fileWith('short-secret-91d') } },
  {
    name: 'MCPO_OPENWEBUI_USER_JWT_SECRET',
    weak: 'short-secret-92d',
    env: { MCPO_API_KEY: strong, MCPO_OPENWEBUI_USER_JWT_SECRET: 'short-secret-92d' },
  },
  {
    name: 'MCPO_OPENWEBUI_SECRET_KEY',
    weak: 't0p-s3cr3t',
    env: { MCPO_OPENWEBUI_SECRET_KEY: 't0p-s3cr3t', MCPO_OPENWEBUI_URL: 'http://127.0.0.1:9' },
  },
  {
    name: 'auth.issuers',
    weak: 'short-secret-93d',
    auth: { issuers: [{ issuer: 'urn:other', audience: 'mcpo', secret: 'short-secret-93d' }] },
  },
];

describe('a weak secret ends the start', () => {
  for (const { name, weak, env, args, auth } of rows) {
    test(`${name}: ${weak}`, async () => {
      const { code, stdout, stderr } = await runCommand([], {
        config: { mcpServers: servers, ...(auth && { auth }) },
        args: ['--port', '0', ...(args ?? [])],
        ...(env && { env }),
      });
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(new RegExp(`key "${name}": .*openssl rand -hex 32.*--allow-weak-secrets`));
      expect(stderr).not.toContain(weak);
    });
  }
});

test('a weak key of a changed file is refused, and the previous configuration stays in use', async () => {
  const file = join(temporaryFolder(), 'servers.json');
  const write = (key: string) =>
    writeFileSync(file, JSON.stringify({ mcpServers: servers, auth: { keys: [{ id: 'ci', hash: digest(key) }] } }));
  write(strong);
  const service = await startService({ args: ['--config', file] });
  write('changeme');
  service.kill('SIGHUP');
  await waitFor(() => service.stderr().includes('well-known word'));
  await expectStatus(service, strong, 200);
  await expectStatus(service, 'changeme', 403);
});

describe('--allow-weak-secrets', () => {
  const env = { MCPO_API_KEY: 'top-secret' };

  test('listens on 127.0.0.1 only', async () => {
    const service = await startService({ servers, env, args: ['--allow-weak-secrets'] });
    expect(service.stdout()).toContain('Listening on http://127.0.0.1:');
    expect(service.stderr()).toContain('weak keys and secrets are accepted');
    await expectStatus(service, 'top-secret', 200);
  });

  test('is refused with another host', async () => {
    for (const host of ['0.0.0.0', '::', '10.0.0.1']) {
      const args = ['--port', '0', '--allow-weak-secrets', '--host', host];
      const { code, stderr } = await runCommand([], { servers, env, args });
      expect([host, code]).toEqual([host, 2]);
      expect(stderr).toMatch(/--allow-weak-secrets works on 127\.0\.0\.1 only/);
    }
  });
});

test('no token is issued with a weak secret, unless that is meant', async () => {
  const env = { JWT_SECRET: 'short-secret-94d' };
  const refused = await runCommand(['token', 'issue', '--user', 'ann'], { env });
  expect([refused.code, refused.stdout]).toEqual([2, '']);
  expect(refused.stderr).not.toContain('short-secret-94d');
  expect((await runCommand(['token', 'issue', '--user', 'ann', '--allow-weak-secrets'], { env })).code).toBe(0);
});

async function expectStatus(service: Service, key: string, status: number): Promise<void> {
  const answer = await service.call('answers', 'text', {}, { authorization: `Bearer ${key}` });
  expect([key, answer.status]).toEqual([key, status]);
}
