import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { findAuditKey, loadAuditKey } from '../../../src/audit/audit-keys.ts';
import { useAuditFolder } from './audit-files.ts';

const { context, logger } = useAuditFolder();
const none = { value: undefined };
const text = Buffer.alloc(32, 1).toString('base64');

test('is made once in the data folder, for its owner only, and said', () => {
  const dataDir = join(context.folder, 'data');
  expect(() => findAuditKey({ ...none, dataDir })).toThrow(/audit\.key.*ENOENT/);
  const key = loadAuditKey({ ...none, dataDir }, logger);
  expect(key).toHaveLength(32);
  expect(loadAuditKey({ ...none, dataDir }, logger)).toEqual(key);
  expect(findAuditKey({ ...none, dataDir })).toEqual(key);
  expect(context.said).toHaveLength(1);
  expect(context.said.join()).not.toContain(readFileSync(join(dataDir, 'audit.key'), 'utf8').trim());
  expect(statSync(join(dataDir, 'audit.key')).mode & 0o777).toBe(0o600);
});

test('is taken from the variable, else from a file that only its owner may read', () => {
  const dataDir = context.folder;
  const file = join(dataDir, 'audit.key');
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  const other = Buffer.alloc(32, 2);
  expect(loadAuditKey({ value: other.toString('base64'), dataDir }, logger)).toEqual(other);
  expect(loadAuditKey({ value: undefined, dataDir }, logger)).toEqual(Buffer.alloc(32, 1));
  chmodSync(file, 0o640);
  expect(() => loadAuditKey({ value: undefined, dataDir }, logger)).toThrow(/chmod 600/);
});

test.each(['', 'short', Buffer.alloc(31).toString('base64'), Buffer.alloc(33).toString('base64'), `${text}!`])(
  '%j is not a key',
  (value) => {
    const load = () => loadAuditKey({ value, dataDir: context.folder }, logger);
    expect(load).toThrow(/32 random bytes/);
  },
);
