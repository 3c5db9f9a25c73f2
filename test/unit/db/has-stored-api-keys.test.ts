import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ApiKeys } from '../../../src/db/api-keys.ts';
import { hasStoredApiKeys } from '../../../src/db/has-stored-api-keys.ts';
import { openDatabase } from '../../../src/db/open-database.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'db-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

test('there are no keys before there is a database, nor in an empty one, until one is made', async () => {
  expect(await hasStoredApiKeys({ dataDir })).toBe(false);
  const database = await openDatabase({ dataDir });
  expect(await hasStoredApiKeys({ dataDir })).toBe(false);
  await new ApiKeys(database).create({
    id: 'a',
    hash: 'b',
    scopes: [],
    user: undefined,
    assertsUser: false,
    expiresAt: undefined,
    lastUsedAt: undefined,
    createdAt: 0,
  });
  expect(await hasStoredApiKeys({ dataDir })).toBe(true);
  await database.destroy();
});

test('a file that cannot be read may hold some', async () => {
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(join(dataDir, 'mcpo-ts.db'), 'no database '.repeat(1_000));
  expect(await hasStoredApiKeys({ dataDir })).toBe(true);
});
