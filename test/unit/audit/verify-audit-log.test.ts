import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { verifyAuditLog } from '../../../src/audit/verify-audit-log.ts';
import { KEYS, linesOf, OTHER_KEYS, useAuditFolder } from './audit-files.ts';

const { context, write } = useAuditFolder();

async function problemAfter(change: (lines: string[]) => readonly string[], count = 10) {
  await write(count);
  writeFileSync(context.file, `${change(linesOf(context.file)).join('\n')}\n`);
  const { problem } = await verifyAuditLog([context.file], KEYS);
  return problem && { kind: problem.kind, line: problem.line };
}

const swap = (lines: string[], one: number, other: number) =>
  lines.map((line, index) => lines[index === one ? other : index === other ? one : index] ?? line);

test('an untouched log is intact', async () => {
  await write(10);
  expect(await verifyAuditLog([context.file], KEYS)).toEqual({
    lines: 10,
    firstSeq: 1,
    lastSeq: 10,
    notes: [],
    problem: undefined,
  });
});

test.each<[string, (lines: string[]) => readonly string[], { kind: string; line?: number }]>([
  ['edited', (l) => l.map((x) => x.replace('tool-4', 'tool-5')), { kind: 'edited', line: 5 }],
  ['one space put in', (l) => l.map((x, i) => (i === 2 ? x.replace(',', ', ') : x)), { kind: 'edited', line: 3 }],
  ['the last one edited', (l) => l.map((x) => x.replace('tool-9', 'tool-8')), { kind: 'edited', line: 10 }],
  ['first one edited', (l) => l.map((x) => x.replace('tool-0', 'tool-1')), { kind: 'edited', line: 1 }],
  [
    'its HMAC edited',
    (l) => l.map((x, i) => (i === 6 ? x.replace(/.{5}"}$/, 'AAAAA"}') : x)),
    { kind: 'edited', line: 7 },
  ],
  ['deleted', (l) => l.toSpliced(3, 1), { kind: 'deleted', line: 4 }],
  ['several deleted', (l) => l.toSpliced(3, 3), { kind: 'deleted', line: 4 }],
  ['the first ones deleted', (l) => l.slice(4), { kind: 'deleted' }],
  ['two swapped', (l) => swap(l, 4, 5), { kind: 'reordered', line: 5 }],
  ['two swapped far apart', (l) => swap(l, 1, 8), { kind: 'reordered', line: 2 }],
  ['one of our own put in again', (l) => l.toSpliced(6, 0, l[2] ?? ''), { kind: 'inserted', line: 7 }],
  ['a made-up one put in', (l) => l.toSpliced(6, 0, '{"timestamp":"x"}'), { kind: 'inserted', line: 7 }],
  [
    'an altered copy put in',
    (l) => l.toSpliced(6, 0, (l[6] ?? '').replace('tool-6', 'x')),
    { kind: 'inserted', line: 7 },
  ],
  ['a made-up first one', (l) => ['{}', ...l], { kind: 'inserted', line: 1 }],
  ['an empty line', (l) => l.toSpliced(2, 0, ''), { kind: 'inserted', line: 3 }],
  ['the tail cut', (l) => l.slice(0, 7), { kind: 'cut' }],
  ['one cut off the tail', (l) => l.slice(0, 9), { kind: 'cut' }],
])('%s', async (_name, change, expected) => {
  expect(await problemAfter(change)).toEqual({ line: undefined, ...expected });
});

test('everything cut', async () => {
  await write(3);
  writeFileSync(context.file, '');
  expect((await verifyAuditLog([context.file], KEYS)).problem?.kind).toBe('cut');
});

test('the tail cut and the head forged or taken away', async () => {
  await write(10);
  const lines = linesOf(context.file);
  writeFileSync(context.file, `${lines.slice(0, 7).join('\n')}\n`);
  const { hmac } = JSON.parse(lines[6] ?? '') as { hmac: string };
  const head = JSON.parse(readFileSync(`${context.file}.head`, 'utf8')) as object;
  writeFileSync(`${context.file}.head`, JSON.stringify({ ...head, seq: 7, hmac }));
  expect((await verifyAuditLog([context.file], KEYS)).problem?.kind).toBe('head-forged');

  rmSync(`${context.file}.head`);
  expect((await verifyAuditLog([context.file], KEYS)).problem?.kind).toBe('head-missing');

  // The next start would write a new head: what it found stands in the log from then on.
  await write(2);
  const { problem } = await verifyAuditLog([context.file], KEYS);
  expect(problem).toMatchObject({ kind: 'noticed-at-start', line: 8 });
});

test('a cut tail stays known after the service went on writing', async () => {
  await write(10);
  writeFileSync(context.file, `${linesOf(context.file).slice(0, 7).join('\n')}\n`);
  await write(5);
  expect((await verifyAuditLog([context.file], KEYS)).problem).toMatchObject({ kind: 'deleted', line: 8 });
  expect(context.said.join()).toContain('lines_missing');
});

test('another key', async () => {
  await write(3);
  expect((await verifyAuditLog([context.file], OTHER_KEYS)).problem?.kind).toBe('wrong-key');
  rmSync(`${context.file}.head`);
  expect((await verifyAuditLog([context.file], OTHER_KEYS)).problem?.kind).toBe('wrong-key');
});

test('half a line at the end is a crash, and cutting into a line is not', async () => {
  await write(3);
  appendFileSync(context.file, '{"timestamp":"2025-');
  const crashed = await verifyAuditLog([context.file], KEYS);
  expect(crashed).toMatchObject({ lines: 3, problem: undefined });
  expect(crashed.notes).toHaveLength(1);

  const text = linesOf(context.file).slice(0, 3).join('\n');
  writeFileSync(context.file, text.slice(0, -30));
  expect((await verifyAuditLog([context.file], KEYS)).problem?.kind).toBe('cut');
});

test('a file that is not a log, and one with bytes that are not text', async () => {
  writeFileSync(context.file, 'hello\nworld\n');
  expect((await verifyAuditLog([context.file], KEYS)).problem).toMatchObject({ kind: 'wrong-key', line: 1 });
  writeFileSync(context.file, Buffer.alloc(3_000_000, 0xff));
  expect((await verifyAuditLog([context.file], KEYS)).problem?.kind).toBe('wrong-key');
});
