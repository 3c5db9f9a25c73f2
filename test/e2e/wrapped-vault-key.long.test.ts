import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from '@jest/globals';
import { type HashicorpVaultServer, startHashicorpVault } from '../fixtures/hashicorp-vault-server.ts';
import { fixture, runCommand, startService, temporaryFolder, test, waitFor } from './harness.ts';

let vault: HashicorpVaultServer;
let dataDir: string;
beforeEach(async () => {
  vault = await startHashicorpVault();
  vault.rotate('mcpo');
  dataDir = join(temporaryFolder(), 'data');
});
afterEach(() => vault.goAway());

const apiKey = randomBytes(24).toString('hex');
const servers = { jira: fixture('env.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: {} } }) };
const environment = () => ({
  MCPO_DATA_DIR: dataDir,
  MCPO_API_KEY: apiKey,
  MCPO_TRUST_USER_HEADERS: 'true',
  VAULT_ADDR: vault.url,
  VAULT_TOKEN: vault.issue(),
  MCPO_VAULT_KMS: 'transit:mcpo',
});
const headers = { authorization: `Bearer ${apiKey}`, 'x-openwebui-user-id': 'anna' };
const keyText = () => readFileSync(join(dataDir, 'vault.key'), 'utf8').trim();

async function setAndUse(env: Readonly<Record<string, string>>, value?: string): Promise<unknown> {
  const service = await startService({ servers, env });
  if (value !== undefined) {
    const body = JSON.stringify({ value });
    const path = '/vault/api/servers/jira/variables/TOKEN';
    const json = { ...headers, 'content-type': 'application/json' };
    expect((await service.request('PUT', path, { headers: json, body })).status).toBe(204);
  }
  const answer = await service.call('jira', 'environment', {}, headers);
  await service.stop();
  return (answer.json() as { env: Record<string, string> }).env.TOKEN;
}

test('a new key is kept wrapped only; it is rewrapped, rotated and used again', async () => {
  const env = environment();
  const value = `value-${randomBytes(8).toString('hex')}`;
  expect(await setAndUse(env, value)).toBe(value);
  expect(keyText()).toMatch(/^transit:mcpo:vault:v1:[\w+/=]+$/);

  vault.rotate('mcpo');
  const rewrapped = await runCommand(['vault', 'rewrap-key'], { env });
  expect(rewrapped.stdout).toMatch(/^1 key is wrapped under transit:mcpo in/);
  expect(keyText()).toMatch(/^transit:mcpo:vault:v2:[\w+/=]+$/);
  expect(await setAndUse(env)).toBe(value);

  const rotated = await runCommand(['vault', 'rotate-key'], { env });
  expect(rotated.stdout).toMatch(/A new key, [0-9a-f]{16}, is now first/);
  expect(keyText().split(',')).toHaveLength(2);
  expect(
    keyText()
      .split(',')
      .every((part) => part.startsWith('transit:mcpo:vault:v2:')),
  ).toBe(true);
  expect(await setAndUse(env)).toBe(value);
  expect((await runCommand(['vault', 'rotate-key', '--drop-old'], { env })).stdout).toMatch(/^.*Removed/s);
  expect(await setAndUse(env)).toBe(value);
});

test('a plain key is wrapped in place, and the KMS is needed from then on', async () => {
  const { MCPO_VAULT_KMS: _, ...plain } = environment();
  const value = `value-${randomBytes(8).toString('hex')}`;
  expect(await setAndUse(plain, value)).toBe(value);
  const before = keyText();
  expect((await runCommand(['vault', 'rewrap-key'], { env: plain })).stderr).toMatch(/Set MCPO_VAULT_KMS/);
  const { stdout, stderr } = await runCommand(['vault', 'rewrap-key'], { env: environment() });
  expect(stdout + stderr).not.toContain(before);
  expect(await setAndUse(plain, undefined)).toBe(value);

  const without = await runCommand(['vault', 'list'], { env: { MCPO_DATA_DIR: dataDir } });
  expect(without.code).toBe(1);
  expect(without.stderr).toMatch(/The vault's key cannot be used: transit:mcpo needs VAULT_ADDR/);
  const denied = await runCommand(['vault', 'list'], { env: { ...plain, VAULT_TOKEN: 'hvs.wrong' } });
  expect(denied.stderr).toMatch(/refused access to transit\/decrypt\/mcpo \(403: permission denied\)/);
});

test('a service waits for a KMS that comes up after it; altered keys are refused', async () => {
  const env = environment();
  const value = `value-${randomBytes(8).toString('hex')}`;
  expect(await setAndUse(env, value)).toBe(value);
  vault.state.isSealed = true;
  const started = setAndUse(env);
  await waitFor(() => vault.requests.filter((one) => one.includes('lookup-self')).length > 3);
  vault.state.isSealed = false;
  expect(await started).toBe(value);

  const altered = keyText().replace(/.{6}=*$/, 'AAAAAA==');
  const refused = await runCommand(['vault', 'list'], { env: { ...env, MCPO_VAULT_KEY: altered } });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('message authentication failed');
  const cut = await runCommand(['vault', 'list'], { env: { ...env, MCPO_VAULT_KEY: 'transit:mcpo:vault:v1:' } });
  expect(cut.stderr).toContain('is cut off or altered');
});

test('new-key prints a wrapped key that replicas share', async () => {
  const env = environment();
  const { stdout } = await runCommand(['vault', 'new-key'], { env });
  expect(stdout).toMatch(/^transit:mcpo:vault:v1:[\w+/=]+\n$/);
  const value = `value-${randomBytes(8).toString('hex')}`;
  expect(await setAndUse({ ...env, MCPO_VAULT_KEY: stdout.trim() }, value)).toBe(value);
  const rewrapped = await runCommand(['vault', 'rewrap-key'], { env: { ...env, MCPO_VAULT_KEY: stdout.trim() } });
  expect(rewrapped.stderr).toMatch(/Set MCPO_VAULT_KEY to the line above/);
  expect(await setAndUse({ ...env, MCPO_VAULT_KEY: rewrapped.stdout.trim() })).toBe(value);
});
