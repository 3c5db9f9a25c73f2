import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { LazyDatabase } from '../../../src/db/lazy-database.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';

let folder: string;
let log: PassThrough;
let now: number;
let database: LazyDatabase;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'db-'));
  log = new PassThrough();
  now = 1_000_000;
  database = new LazyDatabase({ dataDir: join(folder, 'data') }, logger(), () => now);
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

const logger = () => createLogger({ level: 'info', format: 'json', redactor: new Redactor(), stream: log });
const block = () => writeFileSync(join(folder, 'data'), '');
const unblock = () => rmSync(join(folder, 'data'));
const logged = () => (log.read() ?? '').toString().trim().split('\n').filter(Boolean);

test('is opened once for all who ask', async () => {
  const [one, other] = await Promise.all([database.open(), database.open()]);
  expect(one).toBeDefined();
  expect(other).toBe(one);
  expect(await database.open()).toBe(one);
  expect(logged()).toEqual([]);
});

test('one that could not be opened is tried again when it is asked for a second later, and used then', async () => {
  block();
  expect(await Promise.all([database.open(), database.open()])).toEqual([undefined, undefined]);
  expect(logged()).toEqual([expect.stringContaining('"level":"warn"')]);
  now += 1_000;
  expect(await database.open()).toBeUndefined();
  expect(logged()).toEqual([]);

  unblock();
  now += 999;
  expect(await database.open()).toBeUndefined();
  now += 1;
  expect(await database.open()).toBeDefined();
  expect(logged()).toEqual([expect.stringContaining('the database can be used now')]);
});

test('after an attempt that waited long, calls are answered for as long before the next one', async () => {
  block();
  now = 0;
  let readings = 0;
  const clock = () => (readings++ === 0 ? 0 : now);
  const slow = new LazyDatabase({ dataDir: join(folder, 'data') }, logger(), clock);
  now = 5_000;
  expect(await slow.open()).toBeUndefined();
  unblock();
  now = 9_999;
  expect(await slow.open()).toBeUndefined();
  now = 10_000;
  expect(await slow.open()).toBeDefined();
  await slow.close();
});

test('catalogues are cached as soon as it is there, by those who had them before', async () => {
  block();
  const catalogues = database.catalogues;
  await catalogues.save('time', '1');
  expect(await catalogues.load('time')).toBeUndefined();
  unblock();
  now += 1_000;
  await catalogues.save('time', '2');
  expect(await catalogues.load('time')).toBe('2');
});

test('is not opened for being closed, nor after it', async () => {
  await database.close();
  expect(await database.open()).toBeUndefined();
});
