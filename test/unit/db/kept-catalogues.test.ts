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

const logger = () => createLogger({ level: 'info', format: 'json', redactor: new Redactor(), stream: log });

async function open() {
  const database = await openDatabase(join(folder, 'data'));
  const kept = new KeptCatalogues(database, logger());
  return {
    kept,
    close: async () => {
      await kept.flush();
      await database.destroy();
    },
  };
}

test('keeps the last content of each server over a restart', async () => {
  const first = await open();
  void first.kept.save('time', '1');
  void first.kept.save('time', '2');
  void first.kept.save("o'brien", '3');
  await first.close();

  const second = await open();
  expect([...(await second.kept.load())].sort()).toEqual([
    ["o'brien", '3'],
    ['time', '2'],
  ]);
  await second.close();
});

test('two that open it at once both find the tables', async () => {
  const both = await Promise.all([open(), open()]);
  for (const { kept, close } of both) {
    expect((await kept.load()).size).toBe(0);
    await close();
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
  expect((error as Error).message).toContain('MCPO_DATA_DIR');

  const kept = new KeptCatalogues(undefined, logger());
  await kept.save('time', '1');
  expect((await kept.load()).size).toBe(0);
  expect(log.read()).toBeNull();
});
