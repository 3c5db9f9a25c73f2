import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { openDatabase } from '../../src/db/open-database.ts';
import { parseKeyring } from '../../src/vault/keyring.ts';
import { SecretStore } from '../../src/vault/secret-store.ts';
import { fixture, repositoryFolder, runCommand, temporaryFolder, test } from './harness.ts';

const servers = { answers: fixture('answers.js') };

test('version prints that of the package', async () => {
  const manifest = JSON.parse(readFileSync(join(repositoryFolder, 'package.json'), 'utf8')) as { version: string };
  const exit = await runCommand(['version']);
  expect([exit.code, exit.stdout.trim()]).toEqual([0, manifest.version]);
});

test('--help lists every flag and sub-command', async () => {
  const exit = await runCommand(['--help']);
  expect(exit.code).toBe(0);
  for (const word of ['--config', '--api-key', '--strict-auth', '--path-prefix', 'check', 'openapi', 'openwebui']) {
    expect(exit.stdout).toContain(word);
  }
});

test('check passes a good config and starts nothing', async () => {
  const exit = await runCommand(['check'], { servers });
  expect(exit.code).toBe(0);
  expect(exit.stdout).toContain('answers');
});

test('check finds a command that is not on the PATH', async () => {
  const exit = await runCommand(['check'], { servers: { ...servers, gone: { command: 'mcpo-ts-no-such-command' } } });
  expect(exit.code).not.toBe(0);
  expect(exit.stdout + exit.stderr).toMatch(/gone.*mcpo-ts-no-such-command/s);
});

test('check refuses a bad config with exit 2', async () => {
  const exit = await runCommand(['check'], { servers: { bad: { command: 'node', timeoutMs: 'soon' } } });
  expect(exit.code).toBe(2);
  expect(exit.stderr).toMatch(/"bad".*timeoutMs/);
});

test('check --start lists the tools of each server and names the one that does not start', async () => {
  const exit = await runCommand(['check', '--start'], { servers: { ...servers, dies: fixture('dies-at-start.js') } });
  expect(exit.code).not.toBe(0);
  expect(exit.stdout).toMatch(/resource_link/);
  expect(exit.stdout + exit.stderr).toMatch(/DEMO_TOKEN is not set/);
});

test('check --start shows the progress on standard error, and why a server does not come up', async () => {
  const folder = temporaryFolder();
  // A runner that is still fetching its package: it has started nothing.
  writeFileSync(join(folder, 'npx'), '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
  const limits = { startTimeoutMs: 1_500 };
  const exit = await runCommand(
    ['check', '--start'],
    {
      servers: {
        ...servers,
        noisy: { command: 'sh', args: ['-c', 'echo Starting on port 3000; exec sleep 60'], ...limits },
        loading: {
          command: 'npx',
          args: ['-y', 'some-package'],
          env: { PATH: `${folder}:${process.env.PATH}` },
          ...limits,
        },
        flag: { command: 'sh', args: ['-c', 'echo "unknown option $1" >&2; exit 2', 'x', '--allow-write'] },
        dies: fixture('dies-at-start.js'),
      },
      env: { DEMO_TOKEN: 'x' },
    },
    30_000,
  );
  expect(exit.code).toBe(1);
  const lineOf = (name: string) => exit.stdout.split('\n').find((line) => line.startsWith(`failed  ${name}`));
  expect(lineOf('noisy')).toMatch(/did not answer.* within 1\.5 s; on stdout, .* it wrote: Starting on port 3000/);
  expect(lineOf('loading')).toMatch(/npx is probably still downloading a package: .*"startTimeoutMs"/);
  expect(lineOf('flag')).toMatch(/unknown option --allow-write; it complains of --allow-write: change or remove that/);
  expect(lineOf('dies')).toMatch(/DEMO_TOKEN is set for mcpo-ts but not passed on to servers: add "inheritEnv"/);
  expect(exit.stderr).toMatch(/of 5: answers: ready, \d+ tools/);
  expect(exit.stderr).toMatch(/of 5: dies: its process ended with code 3/);
});

test('openapi fails where a server would be missing from the document, and names it', async () => {
  const exit = await runCommand(['openapi'], { servers: { ...servers, dies: fixture('dies-at-start.js') } });
  expect(exit.code).toBe(1);
  expect(exit.stdout).toBe('');
  expect(exit.stderr).toMatch(/server "dies" is missing from the document: its process ended with code 3 .*DEMO_TOKEN/);
  expect(exit.stderr).not.toContain('"answers"');
});

describe('check finds a bad key of the vault, and changes nothing', () => {
  const vaultKey = (byte: number) => Buffer.alloc(32, byte).toString('base64');

  test('one that is no key', async () => {
    const dataDir = temporaryFolder();
    const env = { MCPO_DATA_DIR: dataDir, MCPO_VAULT_KEY: 'short' };
    const exit = await runCommand(['check'], { servers, env });
    expect([exit.code, exit.stderr]).toEqual([
      2,
      expect.stringMatching(/"MCPO_VAULT_KEY": it is not a key of the vault/),
    ]);
    expect(exit.stderr).not.toContain('short');
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test("one that is not the database's", async () => {
    const dataDir = temporaryFolder();
    const user = { command: 'x', env: { T: '${T}' }, userVars: { T: {} } };
    const envOf = (byte: number) => ({ MCPO_DATA_DIR: dataDir, MCPO_VAULT_KEY: vaultKey(byte) });
    const database = await openDatabase({ dataDir, databaseUrl: undefined });
    const { active } = parseKeyring(vaultKey(1), 'MCPO_VAULT_KEY');
    await new SecretStore(database).addKey({ keyId: active.id, check: active.check, createdAt: 1 });
    await database.destroy();
    const right = await runCommand(['check'], { servers: { ...servers, user }, env: envOf(1) });
    expect(right.stderr).not.toContain('MCPO_VAULT_KEY"');
    const wrong = await runCommand(['check'], { servers: { ...servers, user }, env: envOf(2) });
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/the vault was made with another key/)]);
  });
});

test('vault erase-user needs --yes where nobody can be asked, and fails for an unknown user', async () => {
  const env = { MCPO_DATA_DIR: temporaryFolder() };
  const unknown = await runCommand(['vault', 'erase-user', 'nobody', '--yes'], { env });
  expect([unknown.code, unknown.stderr]).toEqual([
    1,
    expect.stringMatching(/^Nothing is stored about open-webui:nobody/),
  ]);
  await runCommand(['key', 'create', '--id', 'a', '--user', 'alice'], { env });
  const unasked = await runCommand(['vault', 'erase-user', 'alice'], { env });
  expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringMatching(/add --yes/)]);
  const erased = await runCommand(['vault', 'erase-user', 'alice', '--yes'], { env });
  expect([erased.code, erased.stdout]).toEqual([0, expect.stringMatching(/of open-webui:alice .* are gone/)]);
});

test('--version alone prints that of the package', async () => {
  expect(await runCommand(['--version'])).toMatchObject({ code: 0, stdout: (await runCommand(['version'])).stdout });
});

test('openapi prints the document of one server and of all', async () => {
  const one = await runCommand(['openapi', 'answers'], { servers });
  expect(one.code).toBe(0);
  expect(JSON.parse(one.stdout)).toMatchObject({ openapi: expect.stringMatching(/^3\.1/), paths: { '/text': {} } });
  const all = await runCommand(['openapi'], { servers });
  expect(JSON.parse(all.stdout)).toMatchObject({ paths: { '/answers/text': {} } });
});

test('openapi of an unknown server → exit 2 that names the known ones', async () => {
  const exit = await runCommand(['openapi', 'anwsers'], { servers });
  expect(exit.code).toBe(2);
  expect(exit.stderr).toContain('answers');
  expect(exit.stdout).toBe('');
});

test('openwebui prints connections that can be imported', async () => {
  const exit = await runCommand(['openwebui'], { servers });
  expect(exit.code).toBe(0);
  const connections = JSON.parse(exit.stdout) as { url: string; path: string }[];
  expect(connections).toHaveLength(1);
  expect(connections[0]?.url).toMatch(/\/answers$/);
  expect(connections[0]?.path).toBe('openapi.json');
});
