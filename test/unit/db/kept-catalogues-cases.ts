import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { KeptCatalogues } from '../../../src/db/kept-catalogues.ts';
import type { Database } from '../../../src/db/open-database.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import { Redactor } from '../../../src/telemetry/redactor.ts';
import type { MakeDatabase, TestDatabase } from './test-database.ts';

/** What is kept of catalogues, whatever the engine. */
export function describeKeptCatalogues(title: string, make: MakeDatabase): void {
  describe(title, () => {
    let testDatabase: TestDatabase;
    let log: PassThrough;

    beforeEach(async () => {
      testDatabase = await make();
      log = new PassThrough();
    });
    afterEach(() => testDatabase.remove());

    const keepIn = (open: () => Promise<Database | undefined>) =>
      new KeptCatalogues(open, createLogger({ level: 'info', format: 'json', redactor: new Redactor(), stream: log }));

    test('keeps the last content of each server over a restart', async () => {
      const first = await testDatabase.open();
      const kept = keepIn(async () => first);
      const content = JSON.stringify({ text: '\0 \ud83d 😀' });
      const before = [kept.save('time', '1'), kept.save('time', '2'), kept.save("o'brien", content)];
      await kept.flush();
      expect(await Promise.all(before)).toEqual([undefined, '1', undefined]);
      await first.destroy();

      const second = await testDatabase.open();
      expect([...(await keepIn(async () => second).load())].sort()).toEqual([
        ["o'brien", content],
        ['time', '2'],
      ]);
      expect(log.read()).toBeNull();
    });

    test('two that open it at once both find the tables', async () => {
      const both = await Promise.all([testDatabase.open(), testDatabase.open(), testDatabase.open()]);
      for (const database of both) expect((await keepIn(async () => database).load()).size).toBe(0);
      expect(log.read()).toBeNull();
    });

    test('nothing is kept while there is no database, and then it is', async () => {
      let database: Database | undefined;
      const kept = keepIn(async () => database);
      expect(await kept.save('time', '1')).toBeUndefined();
      expect((await kept.load()).size).toBe(0);
      expect(log.read()).toBeNull();

      database = await testDatabase.open();
      await kept.save('time', '2');
      expect([...(await kept.load())]).toEqual([['time', '2']]);
    });

    test('a database that fails costs nothing but a line in the log', async () => {
      const database = await testDatabase.open();
      await database.schema.alterTable('catalogues').renameTo('hidden').execute();
      const kept = keepIn(async () => database);
      expect(await kept.save('time', '1')).toBeUndefined();
      expect((await kept.load()).size).toBe(0);
      expect(String(log.read()).trim().split('\n')).toHaveLength(2);
    });
  });
}
