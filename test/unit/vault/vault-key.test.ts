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

test('a key is made once in the data folder, for its owner only, and said without telling it', () => {
  expect(() => findKeyring(source())).toThrow(/vault\.key.*ENOENT/);
  expect(existsSync(join(folder, 'data'))).toBe(false);
  const { active } = loadKeyring(source(), logger);
  expect(loadKeyring(source(), logger).active.id).toBe(active.id);
  expect(findKeyring(source()).active.id).toBe(active.id);
  expect(said).toEqual([expect.stringMatching(/keep a copy of it elsewhere/)]);
  const file = join(folder, 'data', 'vault.key');
  expect(said.join()).not.toContain(readFileSync(file, 'utf8').trim());
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700);
  expect(readdirSync(join(folder, 'data'))).toEqual(['vault.key']);
});

test('keys are taken from the variable or the file, not from both', () => {
  const file = join(folder, 'key');
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  const { id } = ringOf(1).active;
  expect(loadKeyring(source({ value: text }), logger).active.id).toBe(id);
  expect(loadKeyring(source({ file }), logger).active.id).toBe(id);
  expect(() => loadKeyring(source({ value: text, file }), logger)).toThrow(/keep one/);
  expect(said).toEqual([]);
  expect(ownKeyFile(source({ file }))).toBeUndefined();
  expect(ownKeyFile(source())).toBe(join(folder, 'data', 'vault.key'));
});

test.each([0o400, 0o600])('a file of mode %o is taken', (mode) => {
  const file = join(folder, 'key');
  writeFileSync(file, text);
  chmodSync(file, mode);
  expect(loadKeyring(source({ file }), logger).active.id).toBe(ringOf(1).active.id);
});

test.each([0o440, 0o604, 0o640, 0o666, 0o700])('a file of mode %o is refused', (mode) => {
  const file = join(folder, 'key');
  writeFileSync(file, text);
  chmodSync(file, mode);
  expect(() => loadKeyring(source({ file }), logger)).toThrow(/MCPO_VAULT_KEY_FILE.*chmod 600/);
});

test('with PostgreSQL no key is made: the replicas must share it', () => {
  const load = () => loadKeyring(source({ hasSharedDatabase: true }), logger);
  expect(load).toThrow(/key "MCPO_VAULT_KEY": must be set with PostgreSQL.*every replica/);
  expect(existsSync(join(folder, 'data'))).toBe(false);
  expect(loadKeyring(source({ hasSharedDatabase: true, value: text }), logger).active.id).toBe(ringOf(1).active.id);
});

test('where no key can be made, that is reported', () => {
  writeFileSync(join(folder, 'data'), 'a file in the way');
  expect(() => loadKeyring(source(), logger)).toThrow(/MCPO_DATA_DIR.*no key can be made at/);
});
