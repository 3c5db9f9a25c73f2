import { expect, test } from '@jest/globals';
import { noteBackup, readLastBackup } from '../../../src/db/last-backup.ts';
import { makeSqliteDatabase } from './test-database.ts';

test('the last backup is one record, which the next one replaces', async () => {
  const { open, remove } = await makeSqliteDatabase();
  const database = await open();
  expect(await readLastBackup(database)).toBeUndefined();
  await noteBackup(database, { finishedAt: 1_000, file: '/backups/one.age', bytes: 10, rows: 1 });
  const last = { finishedAt: 3_000_000_000_000, file: '-', bytes: 5_000_000_000, rows: 100_000 };
  await noteBackup(database, last);
  expect(await readLastBackup(database)).toEqual(last);
  await remove();
});
