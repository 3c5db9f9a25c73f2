import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { logMessages, logPage } from '../../log-messages.ts';

const root = join(import.meta.dirname, '../../..');
const file = join(root, 'docs/logs.md');

// `npm run documents` runs what begins with test/unit/cli/schema.
test('docs/logs.md lists the messages of the log (npm run documents)', () => {
  const source = join(root, 'src');
  expect(logMessages(source).length).toBeGreaterThan(30);
  if (process.env.UPDATE_DOCUMENTS !== undefined) {
    writeFileSync(file, logPage(readFileSync(file, 'utf8'), source));
    execFileSync(join(root, 'node_modules/.bin/biome'), ['format', '--write', file]);
  }
  // The formatter aligns columns.
  const normalized = (text: string) => text.replace(/ +/g, ' ').replace(/\| :?-+/g, '| -');
  const page = readFileSync(file, 'utf8');
  expect(normalized(page)).toBe(normalized(logPage(page, source)));
});
