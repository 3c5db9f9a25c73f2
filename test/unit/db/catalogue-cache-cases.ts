import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SqlCatalogueCache } from '../../../src/db/catalogue-cache.ts';
import type { Database } from '../../../src/db/open-database.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';
import type { MakeDatabase, TestDatabase } from './test-database.ts';

/** What is cached of catalogues, whatever the engine. */
export function describeCatalogueCache(title: string, make: MakeDatabase): void {
  describe(title, () => {
    let testDatabase: TestDatabase;
    let log: PassThrough;

    beforeEach(async () => {
      testDatabase = await make();
      log = new PassThrough();
    });
    afterEach(() => testDatabase.remove());

    const cacheIn = (open: () => Promise<Database | undefined>) =>
      new SqlCatalogueCache(
        open,
        createLogger({ level: 'info', format: 'json', redactor: new Redactor(), stream: log }),
      );

    test('stores the last content of each server over a restart', async () => {
      const first = await testDatabase.open();
      const cache = cacheIn(async () => first);
      const content = JSON.stringify({ text: '\0 \ud83d 😀' });
      const before = [cache.save('time', '1'), cache.save('time', '2'), cache.save("o'brien", content)];
      await cache.flush();
      expect(await Promise.all(before)).toEqual([undefined, '1', undefined]);
      await first.destroy();

      const second = await testDatabase.open();
      const cached = cacheIn(async () => second);
      expect([await cached.load("o'brien"), await cached.load('time')]).toEqual([content, '2']);
      expect(log.read()).toBeNull();
    });

    test('two that open it at once both find the tables', async () => {
      const both = await Promise.all([testDatabase.open(), testDatabase.open(), testDatabase.open()]);
      for (const database of both) expect(await cacheIn(async () => database).load('time')).toBeUndefined();
      expect(log.read()).toBeNull();
    });

    test('nothing is stored while there is no database, and then it is', async () => {
      let database: Database | undefined;
      const cache = cacheIn(async () => database);
      expect(await cache.save('time', '1')).toBeUndefined();
      expect(await cache.load('time')).toBeUndefined();
      expect(log.read()).toBeNull();

      database = await testDatabase.open();
      await cache.save('time', '2');
      expect(await cache.load('time')).toBe('2');
    });

    test('a database that fails costs nothing but a line in the log', async () => {
      const database = await testDatabase.open();
      await database.schema.alterTable('catalogues').renameTo('hidden').execute();
      const cache = cacheIn(async () => database);
      expect(await cache.save('time', '1')).toBeUndefined();
      expect(await cache.load('time')).toBeUndefined();
      expect(String(log.read()).trim().split('\n')).toHaveLength(2);
    });
  });
}
