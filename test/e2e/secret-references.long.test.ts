import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from '@jest/globals';
import { type HashicorpVaultServer, startHashicorpVault } from '../fixtures/hashicorp-vault-server.ts';
import { fixture, runCommand, type Service, startService, temporaryFolder, test, waitFor } from './harness.ts';
import { pidsOf } from './reload-steps.ts';

let vault: HashicorpVaultServer;
beforeEach(async () => {
  vault = await startHashicorpVault();
});
afterEach(() => vault.goAway());

const variableOf = async (service: Service, server: string, name = 'SECRET') => {
  const answer = await service.call(server, 'environment', {});
  return (answer.json() as { env: Record<string, string> }).env[name];
};
const withToken = () => ({ VAULT_ADDR: vault.url, VAULT_TOKEN: vault.issue(), MCPO_SECRET_REFRESH: '1s' });
const using = (value: string, program = 'env.js') => fixture(program, [], { env: { SECRET: value } });

test('values are read from KV version 1 and 2; a changed one restarts the servers that use it, and no others', async () => {
  vault.kv.set('secret/team/jira', { token: 'first-value-of-jira', port: 8443 });
  vault.kv.set('kv/old', { key: 'value-of-version-one' });
  const service = await startService({
    servers: {
      jira: fixture('env.js', [], {
        env: { SECRET: 'Bearer ${vault:secret/data/team/jira#token}', PORT: '${vault:secret/data/team/jira#port}' },
      }),
      old: using('${base64:me:${vault:kv/old#key}}'),
      other: using('plain'),
    },
    env: withToken(),
  });
  expect(await variableOf(service, 'jira')).toBe('Bearer first-value-of-jira');
  expect(await variableOf(service, 'jira', 'PORT')).toBe('8443');
  expect(await variableOf(service, 'old')).toBe(Buffer.from('me:value-of-version-one').toString('base64'));
  const before = pidsOf(service, 'env.js');

  vault.kv.set('secret/team/jira', { token: 'second-value-of-jira', port: 8443 });
  await waitFor(async () => (await variableOf(service, 'jira')) === 'Bearer second-value-of-jira');
  await waitFor(() => pidsOf(service, 'env.js').length === 3);
  expect(pidsOf(service, 'env.js').filter((pid) => before.includes(pid))).toHaveLength(2);
  expect(service.stderr()).toMatch(/servers get changed secrets.*jira/);
  expect(service.stderr()).not.toMatch(/first-value|second-value|version-one/);
});

test('a source that is away delays the servers that need it, and no others', async () => {
  vault.kv.set('secret/late', { token: 'value-that-came-late' });
  vault.state.isSealed = true;
  const service = await startService({
    servers: { late: using('${vault:secret/data/late#token}'), other: using('plain') },
    env: withToken(),
    waitForReady: false,
  });
  await waitFor(async () => (await variableOf(service, 'other').catch(() => undefined)) === 'plain');
  const answer = await service.call('late', 'environment', {});
  expect(answer.status).toBe(503);
  expect(answer.text).toContain('A secret that server \\"late\\" needs cannot be read now');
  expect(answer.text).not.toContain('sealed');
  expect(service.stderr()).toMatch(
    /servers\.json:\d+: server \\?"late\\?", key \\?"env\.SECRET\\?".*vault:secret\/data\/late#token.*is sealed or in maintenance \(503/,
  );
  vault.state.isSealed = false;
  await waitFor(async () => (await variableOf(service, 'late').catch(() => undefined)) === 'value-that-came-late');
});

test('while its source is away the last value stays in use, also over a reload', async () => {
  vault.kv.set('secret/kept', { token: 'value-that-is-kept' });
  const service = await startService({ servers: { kept: using('${vault:secret/data/kept#token}') }, env: withToken() });
  const [pid] = pidsOf(service, 'env.js');
  await vault.goAway();
  await waitFor(() => /a secret cannot be read; its last value stays in use/.test(service.stderr()));
  service.kill('SIGHUP');
  await waitFor(() => service.stderr().includes('configuration reloaded'));
  expect(await variableOf(service, 'kept')).toBe('value-that-is-kept');
  expect(pidsOf(service, 'env.js')).toEqual([pid]);
  await vault.comeBack();
  vault.kv.set('secret/kept', { token: 'value-after-the-outage' });
  await waitFor(async () => (await variableOf(service, 'kept')) === 'value-after-the-outage');
});

test('an AppRole logs in again when its token has ended or was revoked; namespaces are sent', async () => {
  vault.state.loginTtl = 1;
  vault.state.namespace = 'team-a';
  vault.kv.set('secret/app', { token: 'value-for-the-role-1' });
  const secretFile = join(temporaryFolder(), 'secret-id');
  writeFileSync(secretFile, `${vault.state.secretId}\n`);
  const service = await startService({
    servers: { app: using('${vault:secret/data/app#token}') },
    env: {
      VAULT_ADDR: vault.url,
      VAULT_NAMESPACE: 'team-a',
      VAULT_ROLE_ID: vault.state.roleId,
      VAULT_SECRET_ID_FILE: secretFile,
      MCPO_SECRET_REFRESH: '1s',
    },
  });
  vault.tokens.clear();
  vault.kv.set('secret/app', { token: 'value-for-the-role-2' });
  await waitFor(async () => (await variableOf(service, 'app')) === 'value-for-the-role-2');
  expect(vault.requests.filter((one) => one === 'POST auth/approle/login').length).toBeGreaterThan(1);
});

test('a pod logs in with its service account', async () => {
  vault.state.kubernetesToken = 'token-of-the-service-account';
  vault.kv.set('secret/pod', { token: 'value-for-the-pod' });
  const file = join(temporaryFolder(), 'token');
  writeFileSync(file, vault.state.kubernetesToken);
  const service = await startService({
    servers: { pod: using('${vault:secret/data/pod#token}') },
    env: { VAULT_ADDR: vault.url, VAULT_KUBERNETES_ROLE: 'mcpo', VAULT_KUBERNETES_TOKEN_PATH: file },
  });
  expect(await variableOf(service, 'pod')).toBe('value-for-the-pod');
});

test('a leased secret is made once and prolonged; both of its parts are of one lease', async () => {
  vault.state.leaseSeconds = 3;
  const env = { SECRET: '${vault:database/creds/app#password}', LOGIN: '${vault:database/creds/app#username}' };
  const service = await startService({ servers: { db: fixture('env.js', [], { env }) }, env: withToken() });
  expect(await variableOf(service, 'db', 'LOGIN')).toBe('v-user-1');
  await waitFor(() => vault.requests.filter((one) => one === 'PUT sys/leases/renew').length > 1);
  expect(vault.state.made).toBe(1);
  // At the end of the longest time of a lease, there is another user.
  await waitFor(async () => (await variableOf(service, 'db', 'LOGIN')) === 'v-user-2', 20_000);
});

test('commands run only where they are allowed, without a shell and with few variables', async () => {
  const marker = join(temporaryFolder(), 'marker');
  const reader = join(temporaryFolder(), 'read-secret');
  writeFileSync(
    reader,
    `#!/bin/sh\n[ -z "$MCPO_API_KEY" ] && [ -z "$OTHER" ] && printf '%s %s %s\\n' "value of" "$1" "$EXTRA"\n`,
    { mode: 0o755 },
  );
  const servers = { one: using(`\${cmd:${reader} "a; touch ${marker}"}`) };
  const env = { EXTRA: 'extra', OTHER: 'other', MCPO_SECRET_COMMAND_ENV: 'EXTRA' };
  const refused = await runCommand(['check'], { servers, env });
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(
    /servers\.json:\d+: server "one", key "env\.SECRET".*is not allowed; MCPO_SECRET_COMMANDS=/,
  );
  const service = await startService({ servers, env: { ...env, MCPO_SECRET_COMMANDS: reader } });
  expect(await variableOf(service, 'one')).toBe(`value of a; touch ${marker} extra`);
  for (const program of ['on', 'true']) {
    const switched = await runCommand(['check'], { servers, env: { MCPO_SECRET_COMMANDS: program } });
    expect(switched.stderr).toContain('MCPO_SECRET_COMMANDS": must list executables');
  }
});

test('check reports all references that cannot be read, with their place and cause', async () => {
  vault.kv.set('secret/x', { token: 'value-of-the-right-one' });
  const servers = {
    good: using('${vault:secret/data/x#token}'),
    missing: using('${vault:secret/data/none#token}'),
    key: using('${vault:secret/data/x#tokn}'),
    mount: using('${vault:secret/x#token}'),
    denied: using('${vault:secret/data/forbidden#token}'),
  };
  const { code, stdout, stderr } = await runCommand(['check'], { servers, env: withToken() });
  expect(code).toBe(1);
  for (const server of ['missing', 'key', 'mount', 'denied'])
    expect(stdout).toMatch(new RegExp(`no secret +${server} `));
  expect(stderr).toMatch(/"missing".*has nothing at secret\/data\/none \(404/);
  expect(stderr).toMatch(/"key".*has no key "tokn"/);
  expect(stderr).toMatch(/"mount".*KV version 2, whose paths are MOUNT\/data\/NAME/);
  expect(stderr).toMatch(/"denied".*refused access to secret\/data\/forbidden \(403: permission denied\)/);
  expect(stdout + stderr).not.toContain('value-of-the-right-one');
  // Each place is read once, however many references lead there.
  expect(vault.requests.filter((one) => one === 'GET secret/data/x')).toHaveLength(1);

  const bad = {
    form: using('${vault:secret/data/x}'),
    given: using('${vault:secret/data/x#token:-none}'),
    escaped: using('$${vault:secret/data/x#token}'),
  };
  const refused = await runCommand(['check'], { servers: bad, env: withToken() });
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/"form".*is not in the form \$\{vault:PATH#KEY\}/);
  expect(refused.stderr).toMatch(/"given".*takes none/);
  expect(refused.stderr).not.toContain('escaped');
  const without = await runCommand(['check'], { servers: { good: servers.good } });
  expect(without.stderr).toMatch(/needs VAULT_ADDR/);
});
