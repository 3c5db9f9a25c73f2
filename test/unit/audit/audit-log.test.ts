import {
  appendFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { verifyAuditLog } from '../../../src/audit/verify-audit-log.ts';
import { AuditUnavailableError, ConfigError } from '../../../src/errors.ts';
import { waitFor } from '../../wait-for.ts';
import { event, eventsOf, KEY, KEYS, linesOf, OTHER_KEY, useAuditFolder } from './audit-files.ts';

const { context, openLog, write } = useAuditFolder();

async function expectIntact(files: readonly string[], lines: number): Promise<void> {
  const { problem, ...found } = await verifyAuditLog(files, KEYS);
  expect(problem).toBeUndefined();
  expect(found.lines).toBe(lines);
}

test('10,000 events recorded at once are written in order, to a file for its owner only', async () => {
  const log = await openLog();
  await Promise.all(Array.from({ length: 10_000 }, async (_, index) => log.record(event(index))));
  await log.close();
  const resources = eventsOf(context.file).map(({ resource }) => resource);
  expect(resources).toEqual(Array.from({ length: 10_000 }, (_, index) => `time/tool-${index}`));
  await expectIntact([context.file], 10_000);
  expect(statSync(context.file).mode & 0o777).toBe(0o600);
  expect(statSync(`${context.file}.head`).mode & 0o777).toBe(0o600);
  expect(log.status).toEqual({ state: 'closed', written: 10_000, pending: 0, lost: 0 });
});

test('the chain goes on after a restart', async () => {
  await write(3);
  await write(3);
  await expectIntact([context.file], 6);
  expect(eventsOf(context.file).at(-1)).toMatchObject({ seq: 6 });
});

test('half a line that a crash left is removed, and the log says so', async () => {
  await write(3);
  appendFileSync(context.file, (linesOf(context.file)[2] ?? '').slice(0, 50));
  await write(1);
  expect(eventsOf(context.file)).toHaveLength(5);
  expect(eventsOf(context.file)[3]).toMatchObject({ event_type: 'audit_log', action: 'line_incomplete' });
  await expectIntact([context.file], 5);
});

test('text of another program at the end is not removed', async () => {
  writeFileSync(context.file, 'my notes');
  await write(1);
  expect(linesOf(context.file)[0]).toBe('my notes');
  expect(linesOf(context.file)).toHaveLength(3);
  expect((await verifyAuditLog([context.file], KEYS)).problem).toMatchObject({ kind: 'inserted', line: 1 });
});

test('a killed process loses the head at most, never the chain', async () => {
  await write(3);
  const head = readFileSync(`${context.file}.head`);
  await write(3);
  writeFileSync(`${context.file}.head`, head);
  await write(1);
  await expectIntact([context.file], 7);
});

test('a process killed in its first second has left a head', async () => {
  const log = await openLog();
  expect(existsSync(`${context.file}.head`)).toBe(true);
  log.record(event(0));
  await log.flush();
  await expectIntact([context.file], 1);
});

test('another key goes on with the chain and says so', async () => {
  await write(2);
  await write(1, { key: OTHER_KEY });
  expect(context.said.join()).toContain('line_not_ours');
  expect((await verifyAuditLog([context.file], KEYS)).problem).toMatchObject({ kind: 'edited', line: 3 });
});

test('a file moved away by another program is followed, with and without a signal', async () => {
  const log = await openLog();
  log.record(event(0));
  await log.flush();
  renameSync(context.file, `${context.file}.1`);
  await log.reopen();
  expect(existsSync(context.file)).toBe(true);
  log.record(event(1));
  await log.flush();
  renameSync(context.file, `${context.file}.2`);
  log.record(event(2));
  await log.close();

  const files = [`${context.file}.1`, `${context.file}.2`, context.file];
  expect(files.map((file) => eventsOf(file).length)).toEqual([1, 1, 1]);
  await expectIntact(files, 3);
  await expectIntact([context.file], 1);
  const withoutMiddle = await verifyAuditLog([`${context.file}.1`, context.file], KEYS);
  expect(withoutMiddle.problem).toMatchObject({ kind: 'deleted', line: 1 });
  const wrongOrder = await verifyAuditLog([`${context.file}.2`, `${context.file}.1`, context.file], KEYS);
  expect(wrongOrder.problem?.message).toContain('oldest first');
});

test('a file emptied after it was copied goes on', async () => {
  const log = await openLog();
  log.record(event(0));
  await log.flush();
  writeFileSync(`${context.file}.1`, readFileSync(context.file));
  truncateSync(context.file);
  log.record(event(1));
  await log.close();
  await expectIntact([`${context.file}.1`, context.file], 2);
  await expectIntact([context.file], 1);
});

test('moved away while the service was down', async () => {
  await write(2);
  renameSync(context.file, `${context.file}.1`);
  await write(2);
  await expectIntact([`${context.file}.1`, context.file], 4);
});

test('with a retention each day has its file, and only its own old files go', async () => {
  let now = Date.parse('2025-03-01T23:59:00Z');
  const options = { retentionDays: 2, now: () => now };
  const foreign = [
    `${context.file}.2000-01-01.gz`,
    `${context.file}-2000-01-01`,
    join(context.folder, 'b.log.2000-01-01'),
  ];
  for (const file of foreign) writeFileSync(file, '');
  const log = await openLog(options);
  for (let day = 0; day < 5; day += 1) {
    log.record(event(day));
    await log.flush();
    now += 24 * 3_600_000;
  }
  await log.close();
  const rotated = (day: number) => `${context.file}.2025-03-0${day}`;
  expect([1, 2, 3, 4, 5].map((day) => existsSync(rotated(day)))).toEqual([false, false, false, true, true]);
  expect(foreign.every((file) => existsSync(file))).toBe(true);
  const kept = [rotated(4), rotated(5), context.file];
  const { problem, firstSeq } = await verifyAuditLog(kept, KEYS);
  expect(problem).toBeUndefined();
  expect(firstSeq).toBeGreaterThan(1);
  expect(kept.flatMap(eventsOf).filter(({ action }) => action === 'file_removed')).toHaveLength(3);
});

test('lines of a day never take the place of a file that has its name already', async () => {
  let now = Date.parse('2025-03-01T23:59:00Z');
  const taken = `${context.file}.2025-03-01`;
  writeFileSync(taken, 'kept');
  const log = await openLog({ retentionDays: 2, now: () => now });
  log.record(event(1));
  await log.flush();
  now += 3_600_000;
  log.record(event(2));
  await log.close();
  expect(readFileSync(taken, 'utf8')).toBe('kept');
  await expectIntact([`${taken}.1`, context.file], 2);
});

test('a full disk: events wait, are lost when no more can, and it recovers by itself', async () => {
  symlinkSync('/dev/full', context.file);
  const log = await openLog({ retryMs: 5, maxPending: 10 });
  log.record(event(0));
  await waitFor(() => log.status.state === 'failing');
  for (let index = 1; index < 15; index += 1) log.record(event(index));
  expect(log.status).toEqual({ state: 'failing', written: 0, pending: 10, lost: 5 });
  expect(context.said.filter((line) => line.includes('cannot be written;'))).toHaveLength(1);
  expect(context.said.filter((line) => line.includes('being lost'))).toHaveLength(1);

  rmSync(context.file);
  await waitFor(() => log.status.state === 'ok' && log.status.pending === 0);
  log.record(event(99));
  await log.close();
  const written = eventsOf(context.file);
  expect(written.map(({ action }) => action)).toEqual([...Array(10).fill('call'), 'events_lost', 'call']);
  expect(written[10]).toMatchObject({ details: { lost: 5 } });
  await expectIntact([context.file], 12);
});

test('events that are lost right before the end are recorded as lost', async () => {
  const log = await openLog({ maxPending: 3 });
  for (let index = 0; index < 5; index += 1) log.record(event(index));
  await log.close();
  const written = eventsOf(context.file);
  expect(written.map(({ action }) => action)).toEqual(['call', 'call', 'call', 'events_lost']);
  expect(written[3]).toMatchObject({ details: { lost: 2 } });
  await expectIntact([context.file], 4);
});

test('a required log refuses actions that it cannot record, and keeps what has happened already', async () => {
  symlinkSync('/dev/full', context.file);
  const log = await openLog({ retryMs: 5, required: true });
  log.assertAvailable();
  log.record(event(0));
  await waitFor(() => log.status.state === 'failing');
  expect(() => log.assertAvailable()).toThrow(AuditUnavailableError);
  log.record(event(7));
  rmSync(context.file);
  await waitFor(() => log.status.state === 'ok');
  log.assertAvailable();
  log.record(event(2));
  await log.close();
  expect(eventsOf(context.file).map(({ resource }) => resource)).toEqual(['time/tool-0', 'time/tool-7', 'time/tool-2']);
});

test('nothing is recorded after the end, and nothing is reported as lost', async () => {
  const log = await openLog();
  await log.close();
  log.record(event(0));
  expect(log.status).toEqual({ state: 'closed', written: 0, pending: 0, lost: 0 });
  expect(context.said).toEqual([]);
});

test('what cannot be written until the end is counted and said', async () => {
  symlinkSync('/dev/full', context.file);
  const log = await openLog();
  log.record(event(0));
  await log.close();
  expect(log.status).toEqual({ state: 'closed', written: 0, pending: 1, lost: 1 });
  expect(context.said.join()).toContain('could not be written');
});

test('a path that cannot be is said at start', async () => {
  const file = join(context.folder, 'no', 'audit.log');
  await expect(openLog({ file })).rejects.toThrow(ConfigError);
  await expect(openLog({ file: context.folder, required: true })).rejects.toThrow(/SECURITY_LOG_FILE.*EISDIR/);
});

test('pseudonyms are the same every time, differ by kind and key, and hide the value', async () => {
  const known = { ...event(0), userId: 'user:10:open-webui:ada', clientIp: '192.0.2.7' };
  const record = async (key: Buffer, file: string) => {
    const log = await openLog({ pseudonymise: true, key, file });
    log.record(known);
    log.record({ ...known, userId: '192.0.2.7' });
    await log.close();
    expect(readFileSync(file, 'utf8')).not.toMatch(/ada|192\.0\.2\.7/);
    return eventsOf(file).map(({ user_id, client_ip }) => [user_id, client_ip]);
  };
  const [first, second] = await record(KEY, context.file);
  expect(first?.[0]).toMatch(/^p:[\w-]{22}$/);
  expect(second?.[1]).toBe(first?.[1]);
  expect(second?.[0]).not.toBe(second?.[1]);
  expect((await record(KEY, context.file))[2]).toEqual(first);
  expect((await record(OTHER_KEY, `${context.file}.other`))[0]).not.toEqual(first);
});
