import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { CALL_OUTCOMES, CallCounts } from '../../../../src/telemetry/metrics/call-counts.ts';
import { Scrape } from '../../../../src/telemetry/metrics/scrape.ts';

function written(counts: CallCounts, tools: Readonly<Record<string, readonly string[]>>) {
  const scrape = new Scrape();
  counts.write(scrape, new Map(Object.entries(tools)));
  return scrape.families();
}

function callsOf(counts: CallCounts, tools: Readonly<Record<string, readonly string[]>>): Record<string, number> {
  const calls = written(counts, tools).find(({ name }) => name === 'mcpo_calls_total');
  return Object.fromEntries((calls?.values ?? []).map(({ labels, value }) => [Object.values(labels).join(' '), value]));
}

describe('the series of calls are bounded', () => {
  test('tools that are not in the list count as other, for good', () => {
    const counts = new CallCounts();
    for (const tool of ['read', 'read', 'mine', 'yours']) counts.note('files', tool, 'success');
    counts.note('files', 'mine', 'timeout');
    const expected = { 'files read success': 2, 'files other success': 2, 'files other timeout': 1 };
    expect(callsOf(counts, { files: ['read'] })).toEqual(expected);
    // Now it is listed: what it counted before stays where it is, since a counter may not go down.
    counts.note('files', 'mine', 'success');
    expect(callsOf(counts, { files: ['read', 'mine'] })).toEqual({ ...expected, 'files mine success': 1 });
    expect(callsOf(counts, { files: ['read'] })).toEqual({ ...expected, 'files other success': 3 });
  });

  test('10,000 names between two scrapes, and 10,000 tools in the list', () => {
    const counts = new CallCounts();
    const names = Array.from({ length: 10_000 }, (_, index) => `tool-${index}`);
    for (const name of names) counts.note('many', name, 'success');
    const listed = callsOf(counts, { many: names });
    expect(Object.keys(listed)).toHaveLength(201);
    expect(Object.values(listed).reduce((sum, value) => sum + value)).toBe(10_000);
  });

  test('names that are too long for a label, or not text', () => {
    const counts = new CallCounts();
    const names = ['x'.repeat(129), 'a\ud800', 'a\ud801', 'a"b\n'];
    for (const name of names) counts.note('odd', name, 'success');
    expect(callsOf(counts, { odd: names })).toEqual({ 'odd other success': 3, 'odd a"b\n success': 1 });
  });

  test('a server that is not configured any more has no series; a new one of its name begins at 0', () => {
    const counts = new CallCounts();
    counts.note('gone', 'read', 'success');
    counts.noteDuration('gone', 1);
    counts.note('', '', 'unauthenticated');
    expect(callsOf(counts, {})).toEqual({ '  unauthenticated': 1 });
    expect(JSON.stringify(written(counts, { gone: ['read'] }))).not.toContain('"value":1,"labels":{"server":"gone"');
    expect(callsOf(counts, { gone: ['read'] })).toEqual({ '  unauthenticated': 1 });
  });
});

test('docs/metrics.md explains every outcome', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/metrics.md'), 'utf8');
  const [, table = ''] = page.split('### Outcomes of calls');
  const explained = [
    ...table
      .split('\n### ', 1)
      .join()
      .matchAll(/^\| `(\w+)` /gm),
  ].map(([, outcome]) => outcome);
  expect(explained.filter((name) => name !== 'outcome').sort()).toEqual([...CALL_OUTCOMES].sort());
});

test('durations are cumulative, with their sum', () => {
  const counts = new CallCounts();
  for (const seconds of [0.005, 0.0051, 0.3, 301]) counts.noteDuration('one', seconds);
  const [family] = written(counts, { one: [] });
  const series = Object.fromEntries(
    (family?.values ?? []).map(({ metricName, labels, value }) => [
      `${metricName?.slice(27)} ${labels.le ?? ''}`,
      value,
    ]),
  );
  expect(series).toMatchObject({ 'bucket 0.005': 1, 'bucket 0.01': 2, 'bucket 0.25': 2, 'bucket 0.5': 3 });
  expect(series).toMatchObject({ 'bucket 300': 3, 'bucket +Inf': 4, 'count ': 4 });
  expect(series['sum ']).toBeCloseTo(301.3101);
});
