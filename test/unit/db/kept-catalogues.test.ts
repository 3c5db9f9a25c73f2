import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { KeptCatalogues } from '../../../src/db/kept-catalogues.ts';
import { openDatabase } from '../../../src/db/open-database.ts';
import { DatabaseError } from '../../../src/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'db-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('keeps the last content of each server over a restart', async () => {
  const first = await openDatabase(join(folder, 'data'));
  const kept = new KeptCatalogues(first);
  await kept.save('time', '1');
  await kept.save('time', '2');
  await kept.save("o'brien", '3');
  await first.destroy();

  const second = await openDatabase(join(folder, 'data'));
  expect([...(await new KeptCatalogues(second).load())].sort()).toEqual([
    ["o'brien", '3'],
    ['time', '2'],
  ]);
  await second.destroy();
});

test('two that open it at once both find the tables', async () => {
  const databases = await Promise.all([openDatabase(folder), openDatabase(folder)]);
  for (const database of databases) {
    expect((await new KeptCatalogues(database).load()).size).toBe(0);
    await database.destroy();
  }
});

test('only its owner may read it', async () => {
  const database = await openDatabase(join(folder, 'data'));
  await database.destroy();
  expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, 'data', 'mcpo-ts.db')).mode & 0o777).toBe(0o600);
});

test('a folder that cannot be used is a clear error without its path', async () => {
  writeFileSync(join(folder, 'file'), '');
  const error = await openDatabase(join(folder, 'file', 'data')).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DatabaseError);
  expect((error as Error).message).not.toContain(folder);
});
