import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createPrivateFile, updateKeyFile } from '../../src/key-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'key-file-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a private file is made whole and never overwritten', () => {
  const file = join(folder, 'private');
  expect(createPrivateFile(file, 'first')).toBe(true);
  expect(createPrivateFile(file, 'second')).toBe(false);
  expect(readFileSync(file, 'utf8')).toBe('first');
  expect(readdirSync(folder)).toEqual(['private']);
});

test('a file of keys is changed in one step, by one process at a time', () => {
  const file = join(folder, 'vault.key');
  createPrivateFile(file, 'old\n');
  const nested = () => updateKeyFile(file, 'MCPO_DATA_DIR', (before) => `other,${before}`);
  updateKeyFile(file, 'MCPO_DATA_DIR', (before) => `new,${before}`);
  expect(readFileSync(file, 'utf8')).toBe('new,old\n');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(() =>
    updateKeyFile(file, 'MCPO_DATA_DIR', (before) => {
      nested();
      return `late,${before}`;
    }),
  ).toThrow(/being changed by another process/);
  expect(readFileSync(file, 'utf8')).toBe('other,new,old\n');
  expect(readdirSync(folder)).toEqual(['vault.key']);
});

test('what a killed change left is in the way for seconds only', () => {
  const file = join(folder, 'vault.key');
  createPrivateFile(file, 'old\n');
  createPrivateFile(`${file}.next`, 'unused,old\n');
  const change = () => updateKeyFile(file, 'MCPO_DATA_DIR', (before) => `new,${before}`);
  expect(change).toThrow(/run this again in a minute/);
  expect(readFileSync(file, 'utf8')).toBe('old\n');
  const past = new Date(Date.now() - 60_000);
  utimesSync(`${file}.next`, past, past);
  change();
  expect(readFileSync(file, 'utf8')).toBe('new,old\n');
});
