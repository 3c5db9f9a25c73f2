import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { openDatabase } from '../../src/db/open-database.ts';
import { isReadable, open, seal } from '../../src/vault/cipher.ts';
import type { SecretPlace, SecretRow } from '../../src/vault/secret-rows.ts';
import { SecretStore } from '../../src/vault/secret-store.ts';
import { findKeyring } from '../../src/vault/vault-key.ts';
import { spawnCommand } from './command.ts';
import { fixture, runCommand, startService, temporaryFolder, test, waitFor } from './harness.ts';

const canary = 'canary-51c0ffee';
const keyText = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const keySource = (dataDir: string) => ({ value: undefined, file: undefined, dataDir, hasSharedDatabase: false });
const plainValue = ({ owner }: SecretPlace) => `${canary}-${owner.subject}`;

/** A data folder with a key and as many secrets, each of a user of its own. */
async function makeVault(secrets: number): Promise<string> {
  const dataDir = join(temporaryFolder(), 'data');
  mkdirSync(dataDir, { mode: 0o700 });
  writeFileSync(join(dataDir, 'vault.key'), `${keyText(1)}\n`, { mode: 0o600 });
  const keyring = await findKeyring(keySource(dataDir));
  const rows = Array.from({ length: secrets }, (_, index): SecretRow => {
    const place: SecretPlace = { owner: { issuer: 'open-webui', subject: `u${index}` }, server: 'jira', name: 'TOKEN' };
    const facts = { version: 1, lastFour: undefined, updatedAt: 1, lastUsedAt: undefined };
    return { ...place, ...facts, ...seal(keyring, place, 1, plainValue(place)) };
  });
  await withStore(dataDir, async (store) => {
    const { id: keyId, check } = keyring.active;
    await store.addKey({ keyId, check, createdAt: 1 });
    const secrets = rows.map((row) => ({ place: row, seal: () => row, lastFour: undefined }));
    await store.put(secrets, 1);
  });
  return dataDir;
}

async function withStore<Result>(dataDir: string, use: (store: SecretStore) => Promise<Result>): Promise<Result> {
  const database = await openDatabase({ dataDir });
  try {
    return await use(new SecretStore(database));
  } finally {
    await database.destroy();
  }
}

const run = (dataDir: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCommand(['vault', ...args], { env: { MCPO_DATA_DIR: dataDir, ...env } }, 60_000);

test('a rotation that is killed again and again leaves everything readable, and the next one finishes it', async () => {
  const secrets = 1_000;
  const dataDir = await makeVault(secrets);
  const oldId = (await findKeyring(keySource(dataDir))).active.id;
  await withStore(dataDir, async (store) => {
    const countUnderOld = async () => (await store.list()).filter(({ keyId }) => keyId === oldId).length;
    let left = secrets;
    for (let kill = 0; kill < 3; kill++) {
      const { child, exited } = spawnCommand({ env: { MCPO_DATA_DIR: dataDir } }, ['vault', 'rotate-key']);
      const before = left;
      await waitFor(async () => (await countUnderOld()) < before, 20_000, 'the rotation to be under way');
      child.kill('SIGKILL');
      expect((await exited).signal).toBe('SIGKILL');
      left = await countUnderOld();
      expect(left).toBeGreaterThan(0);
      const keyring = await findKeyring(keySource(dataDir));
      expect(keyring.keys.size).toBe(2);
      const rows = await store.list();
      expect(rows.filter((row) => open(keyring, row) === plainValue(row))).toHaveLength(secrets);
    }
    const finished = await run(dataDir, ['rotate-key']);
    expect(finished.code).toBe(0);
    expect(finished.stdout).toContain('an earlier rotation is finished first');
    expect(finished.stdout).toContain(`${left} secrets were encrypted under key`);
    const dropped = await run(dataDir, ['rotate-key', '--drop-old']);
    expect(dropped.stdout).toContain(`Removed ${oldId}`);
    const keyring = await findKeyring(keySource(dataDir));
    expect([...keyring.keys.keys()]).not.toContain(oldId);
    expect((await store.list()).filter((row) => isReadable(keyring, row))).toHaveLength(secrets);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('vault.key'))).toEqual(['vault.key']);
    expect(statSync(join(dataDir, 'vault.key')).mode & 0o777).toBe(0o600);
  });
}, 120_000);

/** As on a network share: makes hard links fail in the command. */
const WITHOUT_LINKS = `import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
fs.linkSync = () => { throw Object.assign(new Error('no links'), { code: 'EPERM' }); };
syncBuiltinESMExports();`;

describe('a running service', () => {
  const key = 'key-of-the-test-of-vault-commands';
  const headers = { authorization: `Bearer ${key}`, 'x-openwebui-user-id': 'ann' };
  const servers = {
    jira: fixture('whoami.js', [], { env: { TOKEN: '${TOKEN}' }, userVars: { TOKEN: { title: 'Jira token' } } }),
  };
  const start = (dataDir: string, env: Readonly<Record<string, string>> = {}) =>
    startService({
      servers,
      env: { MCPO_API_KEY: key, MCPO_TRUST_USER_HEADERS: 'true', MCPO_DATA_DIR: dataDir, ...env },
    });
  const put = async (dataDir: string, value: string) => {
    const service = await start(dataDir);
    const saved = await service.request('PUT', '/vault/api/servers/jira/variables/TOKEN', {
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ value }),
    });
    expect(saved.status).toBe(204);
    await service.stop();
  };

  test('reads what a rotation has encrypted meanwhile with a key that it did not know at its start', async () => {
    const dataDir = join(temporaryFolder(), 'data');
    await put(dataDir, canary);
    const service = await start(dataDir);
    expect((await run(dataDir, ['rotate-key'])).code).toBe(0);
    expect((await run(dataDir, ['rotate-key', '--drop-old'])).code).toBe(0);
    const answer = await service.call('jira', 'whoami', {}, headers);
    expect([answer.status, answer.json()]).toEqual([200, expect.objectContaining({ token: canary })]);
  });

  test('makes its key, for its owner only, where the file system has no hard links', async () => {
    const dataDir = join(temporaryFolder(), 'data');
    const preload = `--import=data:text/javascript,${encodeURIComponent(WITHOUT_LINKS)}`;
    await start(dataDir, { NODE_OPTIONS: preload });
    const file = join(dataDir, 'vault.key');
    expect(Buffer.from(readFileSync(file, 'utf8'), 'base64')).toHaveLength(32);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(file).nlink).toBe(1);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('vault.key'))).toEqual(['vault.key']);
  });
});
