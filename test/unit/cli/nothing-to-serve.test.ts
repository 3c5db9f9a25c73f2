import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { nothingToServe } from '../../../src/cli/nothing-to-serve.ts';

const before = process.cwd();
const folders: string[] = [];
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-'));
  folders.push(folder);
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  for (const folder of folders) rmSync(folder, { recursive: true });
});

test.each(['servers.json', 'config.json', '.mcp.json', '.vscode/mcp.json'])('a servers file %s is named', (file) => {
  mkdirSync('.vscode');
  writeFileSync(file, '{ // servers\n "mcpServers" : {} }');
  expect(nothingToServe().message).toBe(
    `Nothing to serve: no servers file is named. There is one in this folder: mcpo-ts --config ${file}`,
  );
});

test('another JSON file is none', () => {
  writeFileSync('config.json', '{"port": 1}');
  expect(nothingToServe().message).toContain('mcpo-ts --config servers.json');
});
