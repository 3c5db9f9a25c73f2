import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readEnvironment } from '../../../src/config/environment.ts';
import { UnreadEnvFile } from '../../../src/config/unread-env-file.ts';
import { ConfigError, formatConfigProblem, UsageError } from '../../../src/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-'));
const before = process.cwd();
beforeAll(() => {
  writeFileSync(join(folder, '.env'), 'API_KEY=secret-of-the-file\nJWT_SECRET=\nTOKEN=another-secret\n');
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

const unread = (env = {}, envPath?: string) => new UnreadEnvFile(envPath, readEnvironment(env, { envPath }));

test('what it would set is named with the flag that reads it, and without values', () => {
  const [warning] = unread().warnings().map(formatConfigProblem);
  expect(warning).toMatch(/^the file \.env in this folder sets API_KEY and is not read; add --env-path \.env/);
  expect(warning).not.toContain('secret');
});

test('nothing where the variable is set, or the file is read', () => {
  expect(unread({ API_KEY: 'key-of-the-shell-8c41' }).warnings()).toEqual([]);
  expect(unread({}, '.env').warnings()).toEqual([]);
});

test('an error that it would have prevented says so', () => {
  const message = 'environment variable TOKEN is not set; set it.';
  const explained = unread().explain(new ConfigError([{ message }])) as ConfigError;
  expect(explained.problems.map(formatConfigProblem)).toEqual([
    message,
    expect.stringMatching(/^the file \.env in this folder sets TOKEN and is not read; add --env-path/),
  ]);
  const usage = unread().explain(new UsageError('--host needs a key.')) as UsageError;
  expect(usage.message).toMatch(/^--host needs a key\. The file \.env .* API_KEY/);
  const other = new ConfigError([{ message: 'environment variable X is not set' }]);
  expect(unread().explain(other)).toBe(other);
});
