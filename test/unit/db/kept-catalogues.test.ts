import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { KeptCatalogues } from '../../../src/db/kept-catalogues.ts';
import { openDatabase } from '../../../src/db/open-database.ts';
import { DatabaseError } from '../../../src/errors.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';

let folder: string;
let log: PassThrough;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'db-'));
  log = new PassThrough();
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(dataDir = join(folder, 'data')): Promise<KeptCatalogues> {
  return KeptCatalogues.open(
    dataDir,
    createLogger({ level: 'info', format: 'json', redactor: new Redactor(), stream: log }),
  );
}

test('keeps the last content of each server over a restart', async () => {
  const first = await open();
  void first.save('time', '1');
  void first.save('time', '2');
  void first.save("o'brien", '3');
  await first.close();

  const second = await open();
  expect([...(await second.load())].sort()).toEqual([
    ["o'brien", '3'],
    ['time', '2'],
  ]);
  await second.close();
});

test('two that open it at once both find the tables', async () => {
  const both = await Promise.all([open(), open()]);
  for (const kept of both) {
    expect((await kept.load()).size).toBe(0);
    await kept.close();
  }
  expect(log.read()).toBeNull();
});

test('only its owner may read it', async () => {
  await (await open()).close();
  expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, 'data', 'mcpo-ts.db')).mode & 0o777).toBe(0o600);
});

test('a folder that cannot be used is a clear error without its path, and costs no more than the keeping', async () => {
  const dataDir = join(folder, 'file', 'data');
  writeFileSync(join(folder, 'file'), '');
  const error = await openDatabase(dataDir).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DatabaseError);
  expect((error as Error).message).not.toContain(folder);

  const kept = await open(dataDir);
  await kept.save('time', '1');
  expect((await kept.load()).size).toBe(0);
  await kept.close();
  expect(String(log.read())).toContain('MCPO_DATA_DIR');
});
