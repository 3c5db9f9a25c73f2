import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findKeyring, loadKeyring, ownKeyFile, type VaultKeySource } from '../../../src/vault/vault-key.ts';
import { ringOf } from './open-test-vault.ts';

let folder: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vault-key-'));
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const say = (message: string, fields?: object) => void said.push(`${message} ${JSON.stringify(fields ?? {})}`);
const logger = { error: say, warn: say, info: say, debug: say, isDebug: () => false };
const text = Buffer.alloc(32, 1).toString('base64');
const source = (more: Partial<VaultKeySource> = {}): VaultKeySource => ({
  value: undefined,
  file: undefined,
  dataDir: join(folder, 'data'),
  hasSharedDatabase: false,
  ...more,
});

test('a key is made once in the data folder, for its owner only, and said without telling it', async () => {
  await expect(findKeyring(source())).rejects.toThrow(/vault\.key.*ENOENT/);
  expect(existsSync(join(folder, 'data'))).toBe(false);
  const { active } = await loadKeyring(source(), logger);
  expect((await loadKeyring(source(), logger)).active.id).toBe(active.id);
  expect((await findKeyring(source())).active.id).toBe(active.id);
  expect(said).toEqual([expect.stringMatching(/keep a copy of it elsewhere/)]);
  const file = join(folder, 'data', 'vault.key');
  expect(said.join()).not.toContain(readFileSync(file, 'utf8').trim());
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700);
  expect(readdirSync(join(folder, 'data'))).toEqual(['vault.key']);
});

test('keys are taken from the variable or the file, not from both', async () => {
  const file = join(folder, 'key');
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  const { id } = ringOf(1).active;
  expect((await loadKeyring(source({ value: text }), logger)).active.id).toBe(id);
  expect((await loadKeyring(source({ file }), logger)).active.id).toBe(id);
  await expect(loadKeyring(source({ value: text, file }), logger)).rejects.toThrow(/keep one/);
  expect(said).toEqual([]);
  expect(ownKeyFile(source({ file }))).toBeUndefined();
  expect(ownKeyFile(source())).toBe(join(folder, 'data', 'vault.key'));
});

test.each([0o400, 0o600])('a file of mode %o is taken', async (mode) => {
  const file = join(folder, 'key');
  writeFileSync(file, text);
  chmodSync(file, mode);
  expect((await loadKeyring(source({ file }), logger)).active.id).toBe(ringOf(1).active.id);
});

test.each([0o440, 0o604, 0o640, 0o666, 0o700])('a file of mode %o is refused', async (mode) => {
  const file = join(folder, 'key');
  writeFileSync(file, text);
  chmodSync(file, mode);
  await expect(loadKeyring(source({ file }), logger)).rejects.toThrow(/MCPO_VAULT_KEY_FILE.*chmod 600/);
});

test('with PostgreSQL no key is made: the replicas must share it', async () => {
  const load = () => loadKeyring(source({ hasSharedDatabase: true }), logger);
  await expect(load()).rejects.toThrow(/key "MCPO_VAULT_KEY": must be set with PostgreSQL.*every replica/);
  expect(existsSync(join(folder, 'data'))).toBe(false);
  expect((await loadKeyring(source({ hasSharedDatabase: true, value: text }), logger)).active.id).toBe(
    ringOf(1).active.id,
  );
});

test('where no key can be made, that is reported', async () => {
  writeFileSync(join(folder, 'data'), 'a file in the way');
  await expect(loadKeyring(source(), logger)).rejects.toThrow(/MCPO_DATA_DIR.*no key can be made at/);
});
