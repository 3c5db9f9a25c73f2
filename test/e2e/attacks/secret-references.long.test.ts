import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from '@jest/globals';
import { type HashicorpVaultServer, startHashicorpVault } from '../../fixtures/hashicorp-vault-server.ts';
import { fixture, type Service, startService, temporaryFolder, test, waitFor } from '../harness.ts';

let vault: HashicorpVaultServer;
beforeEach(async () => {
  vault = await startHashicorpVault();
});
afterEach(() => vault.goAway());

const apiKey = randomBytes(24).toString('hex');
const headers = { authorization: `Bearer ${apiKey}` };
const canary = () => `canary${randomBytes(12).toString('hex')}`;

/** Environment and arguments of these processes, as others on the host see them. */
function processTexts(pids: readonly number[]): string {
  return pids
    .flatMap((pid) => ['environ', 'cmdline'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'latin1')))
    .join('\n');
}

async function visible(service: Service, servers: readonly string[]): Promise<string> {
  const paths = ['/', '/openapi.json', '/readyz', '/metrics', '/admin', '/docs', '/none/none'];
  const all = [
    ...paths,
    ...servers.map((server) => `/admin/servers/${server}`),
    ...servers.map((one) => `/${one}/openapi.json`),
  ];
  const answers = await Promise.all(all.map((path) => service.get(path, headers)));
  return [service.stdout(), service.stderr(), ...answers.map(({ text }) => text)].join('\n');
}

test('what the sources give is nowhere but with the server that it is for', async () => {
  const secrets = { vault: canary(), file: canary(), command: canary(), token: vault.issue(), rotated: canary() };
  const folder = temporaryFolder();
  const [file, reader] = [join(folder, 'secret'), join(folder, 'read-secret')];
  writeFileSync(file, secrets.file);
  writeFileSync(reader, `#!/bin/sh\necho ${secrets.command}\n`);
  chmodSync(reader, 0o700);
  vault.kv.set('secret/x', { key: secrets.vault });
  const service = await startService({
    servers: {
      one: fixture('indiscreet.js', [], { env: { SECRET: '${vault:secret/data/x#key}' } }),
      two: fixture('env.js', [], { env: { SECRET: `\${file:${file}}` } }),
      three: fixture('env.js', [], { env: { SECRET: `\${cmd:${reader}}` } }),
      plain: fixture('env.js', [], { inheritEnv: '*' }),
      broken: fixture('dies-at-start.js', ['${vault:secret/data/x#key}']),
    },
    args: ['--log-level', 'debug'],
    env: {
      MCPO_API_KEY: apiKey,
      VAULT_ADDR: vault.url,
      VAULT_TOKEN: secrets.token,
      MCPO_SECRET_COMMANDS: reader,
      MCPO_SECRET_REFRESH: '1s',
    },
  });
  vault.kv.set('secret/x', { key: secrets.rotated });
  await waitFor(() => service.stderr().includes('servers get changed secrets'));
  await vault.goAway();
  await waitFor(() => service.stderr().includes('its last value stays in use'));
  const text = await visible(service, ['one', 'two', 'three', 'plain', 'broken']);
  for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);

  for (const secret of Object.values(secrets)) expect(processTexts([service.pid])).not.toContain(secret);
  const plain = (await service.call('plain', 'environment', {}, headers)).text;
  for (const secret of Object.values(secrets)) expect(plain).not.toContain(secret);
  await vault.comeBack();
});

test('neither a user nor a secret can name a reference', async () => {
  vault.kv.set('secret/target', { key: 'value-nobody-may-reach' });
  vault.kv.set('secret/x', { key: '${vault:secret/data/target#key}' });
  const servers = {
    own: fixture('env.js', [], { env: { SECRET: '${TOKEN}' }, userVars: { TOKEN: {} } }),
    nested: fixture('env.js', [], { env: { SECRET: '${vault:secret/data/x#key}' } }),
  };
  const env = {
    MCPO_API_KEY: apiKey,
    MCPO_TRUST_USER_HEADERS: 'true',
    VAULT_ADDR: vault.url,
    VAULT_TOKEN: vault.issue(),
  };
  const service = await startService({ servers, env });
  const user = { ...headers, 'x-openwebui-user-id': 'mallory', 'content-type': 'application/json' };
  const body = JSON.stringify({ value: '${vault:secret/data/target#key}' });
  await service.request('PUT', '/vault/api/servers/own/variables/TOKEN', { headers: user, body });
  for (const server of ['own', 'nested']) {
    const { text } = await service.call(server, 'environment', {}, user);
    expect(text).not.toContain('value-nobody-may-reach');
  }
  expect(vault.requests.some((one) => one.includes('target'))).toBe(false);
});
