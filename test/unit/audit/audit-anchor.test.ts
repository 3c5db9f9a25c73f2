import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { AuditAnchor, readAnchor } from '../../../src/audit/audit-anchor.ts';
import { openDatabase } from '../../../src/db/open-database.ts';
import { event, KEYS, useAuditFolder } from './audit-files.ts';

const { context, logger, openLog } = useAuditFolder();

test('a database that is away is reported once, and the anchor is written when it is back', async () => {
  const log = await openLog();
  log.record(event(1));
  const database = await openDatabase({ dataDir: join(context.folder, 'data'), databaseUrl: undefined });
  let isAway = true;
  const anchor = new AuditAnchor(
    log,
    'audit',
    async () => {
      if (isAway) throw Object.assign(new Error('canary'), { code: 'ECONNREFUSED' });
      return database;
    },
    logger,
  );
  try {
    await anchor.note();
    await anchor.note();
    expect(context.said).toEqual([
      'the anchor of the audit log cannot be written to the database {"reason":"ECONNREFUSED"}',
    ]);
    isAway = false;
    await anchor.close();
    expect(await readAnchor(database, 'audit', KEYS)).toEqual({ kind: 'found', state: await log.synced() });
  } finally {
    await database.destroy();
  }
});

test('the database is asked for again only once lines were written', async () => {
  const log = await openLog();
  log.record(event(1));
  const database = await openDatabase({ dataDir: join(context.folder, 'data'), databaseUrl: undefined });
  let asked = 0;
  const anchor = new AuditAnchor(
    log,
    'audit',
    async () => {
      asked += 1;
      return database;
    },
    logger,
  );
  try {
    await anchor.note();
    await anchor.note();
    expect(asked).toBe(1);
    log.record(event(2));
    await anchor.close();
    expect(asked).toBe(2);
    expect(await readAnchor(database, 'audit', KEYS)).toEqual({ kind: 'found', state: await log.synced() });
  } finally {
    await database.destroy();
  }
});
