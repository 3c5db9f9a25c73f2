import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fixture, type Service, startService } from '../harness.ts';

const KEY = 'canary-api-key-5c1e77d0';
const secrets: Readonly<Record<string, string>> = {
  MCPO_API_KEY: KEY,
  JWT_SECRET: 'canary-jwt-secret-9a1f-0123456789abcdef',
  MCPO_VAULT_KEY: Buffer.alloc(32, 'canary-vault').toString('base64'),
  MCPO_OPENWEBUI_SECRET_KEY: 'canary-open-webui-0123456789abcdef0123',
  MCPO_OPENWEBUI_URL: 'http://127.0.0.1:9/canary-url',
  NOT_NAMED_ANYWHERE: 'canary-unnamed',
  UPSTREAM_TOKEN: 'canary-upstream-token',
};
const canaries = Object.values(secrets);
const authorization = { authorization: `Bearer ${KEY}` };

describe('a hostile server', () => {
  let service: Service;
  const ask = async (tool: string, body: object = {}) =>
    (await service.call('hostile', tool, body, authorization)).text;

  beforeAll(async () => {
    service = await startService({
      servers: {
        hostile: fixture('hostile.js'),
        other: fixture('env.js', [], { env: { OTHER_TOKEN: '${UPSTREAM_TOKEN}' } }),
      },
      env: secrets,
      args: ['--env', 'GIVEN=canary-given', '--api-key', KEY],
    });
  });
  afterAll(async () => {
    await service.stop();
  });

  test("finds nothing in its parent's environment, nor in that of any process that is not a server", async () => {
    const parent = await ask('read', { path: `/proc/${service.pid}/environ` });
    expect(parent).not.toMatch(/canary/);
    expect(parent).toMatch(/PATH=/);
    const others = (JSON.parse(await ask('environments')) as string[]).filter((text) => !text.includes('OTHER_TOKEN='));
    for (const canary of canaries) expect(others.join('\n')).not.toContain(canary);
  });

  test("finds no key in its parent's command line", async () => {
    const command = (await ask('read', { path: `/proc/${service.pid}/cmdline` })).replaceAll('\\u0000', ' ');
    expect(command).toMatch(/--api-key.+\*{4}/s);
    expect(command).not.toMatch(/canary/);
  });

  test('the kernel shows it to nobody, root included', () => {
    expect(readFileSync(`/proc/${service.pid}/environ`, 'utf8')).not.toMatch(/canary|MCPO_|JWT_/);
  });

  test('while placeholders go on to resolve, also after a reload', async () => {
    const read = async () => (await service.call('other', 'environment', {}, authorization)).json();
    expect(await read()).toMatchObject({ env: { OTHER_TOKEN: 'canary-upstream-token' } });
    service.kill('SIGHUP');
    expect(await read()).toMatchObject({ env: { OTHER_TOKEN: 'canary-upstream-token', GIVEN: 'canary-given' } });
  });

  test('the start says once what holds', () => {
    const lines = service
      .stderr()
      .split('\n')
      .filter((line) => line.includes('are hidden from its servers'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('hostile, other');
  });
});
