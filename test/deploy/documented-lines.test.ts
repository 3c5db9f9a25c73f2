import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { repositoryFolder, test } from '../e2e/harness.ts';
import { writeRealLines } from './real-lines.ts';

const page = readFileSync(join(repositoryFolder, 'docs/logs.md'), 'utf8');

/** The names in the first column of the table under a heading. */
function fieldsUnder(heading: string): ReadonlySet<string> {
  const section = page.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const cells = [...section.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell = '']) => cell);
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)));
}

function fieldsOf(lines: string): Set<string> {
  const objects = lines.split('\n').filter((line) => line !== '');
  return new Set(objects.flatMap((line) => Object.keys(JSON.parse(line))));
}

test('docs/logs.md has every field of the lines that a service writes, and no others', async () => {
  const { log, printed, audit } = await writeRealLines();
  expect([...fieldsOf(log + printed)].filter((name) => !fieldsUnder('Fields of the log').has(name))).toEqual([]);
  const documented = fieldsUnder('Fields of the audit log');
  expect([...fieldsOf(audit)].filter((name) => !documented.has(name))).toEqual([]);
  expect([...documented].filter((name) => name !== 'subject_id' && !fieldsOf(audit).has(name))).toEqual([]);
  const types = new Set([...page.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name));
  const found = audit.split('\n').filter((line) => line !== '');
  expect(found.map((line) => JSON.parse(line).event_type).filter((type) => !types.has(type))).toEqual([]);
  // Sessions of pages have one, and failed log-ins have what they were for.
  const lines = found.map((line) => JSON.parse(line));
  const saved = lines.find(({ event_type }) => event_type === 'secret_change');
  expect(saved?.session_id).toMatch(/^[\w-]{20,}$/);
  const opened = lines.find(
    ({ event_type, result, action }) => event_type === 'log_in' && result === 'success' && action === 'log_in',
  );
  expect(opened?.session_id).toBe(saved?.session_id);
  const failed = lines.filter(({ event_type, result }) => event_type === 'log_in' && result === 'failure');
  expect(failed.filter(({ resource }) => typeof resource !== 'string' || resource === '')).toEqual([]);
}, 90_000);
