import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { checkCommands } from '../../../src/cli/check.ts';
import { findCommand } from '../../../src/process/find-command.ts';
import { parseServers } from '../config/parse-servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-'));
afterAll(() => rmSync(folder, { recursive: true }));
const bin = join(folder, 'bin');
mkdirSync(join(bin, 'folder'), { recursive: true });
writeFileSync(join(bin, 'tool'), '#!/bin/sh\n');
chmodSync(join(bin, 'tool'), 0o755);
writeFileSync(join(bin, 'notes'), 'text');
writeFileSync(join(bin, 'shim.CMD'), '');

function check(mcpServers: unknown, path = bin) {
  const file = join(folder, 'servers.json');
  return checkCommands(parseServers({ mcpServers }, { environment: { PATH: path }, file }), 'linux');
}

test('each command is looked up as the child will look it up', () => {
  const result = check({
    bare: { command: 'tool' },
    relative: { command: './bin/tool' },
    'own-path': { command: 'tool', env: { PATH: '/nowhere' } },
    remote: { url: 'https://name:word@example.org/mcp?key=secret' },
    'per-user': { url: 'https://example.org/${user.id}' },
  });
  expect(result).toEqual({
    exitCode: 1,
    text: `ok         bare      tool is ${bin}/tool
ok         relative  ${bin}/tool
not found  own-path  tool is not on the PATH that the server gets; install it, or give its full path in "command".
ok         remote    https://example.org (not contacted)
ok         per-user  https://example.org (not contacted)
`,
  });
});

test('all found is 0', () => {
  expect(check({ a: { command: 'tool' } })).toEqual({ exitCode: 0, text: `ok         a  tool is ${bin}/tool\n` });
  expect(check({ a: { command: 'tool', env: { PATH: bin } } }, '/nowhere').exitCode).toBe(0);
});

test.each([
  ['tool --flag', 'is more than one word; put the first one into "command" and the others into "args".'],
  ['./bin/notes', 'is not a program that this user may run; check the path and its permissions.'],
  ['./bin/folder', 'is not a program that this user may run; check the path and its permissions.'],
  ['folder', 'is not on the PATH that the server gets; install it, or give its full path in "command".'],
])('%j is not found', (command, reason) => {
  const result = check({ a: { command } });
  expect(result.exitCode).toBe(1);
  expect(result.text).toContain(reason);
});

test('an empty entry of PATH is the folder in which the child starts', () => {
  const search = { path: ':/nowhere', pathExtensions: undefined, platform: 'linux' } as const;
  expect(findCommand('tool', { ...search, cwd: bin })).toBe(join(bin, 'tool'));
  expect(findCommand('tool', { ...search, cwd: folder })).toBeUndefined();
});

test('on Windows the extension may be left out', () => {
  const search = { path: bin, pathExtensions: '.EXE;.CMD', cwd: folder, platform: 'win32' } as const;
  expect(findCommand('shim', search)).toBe(join(bin, 'shim.CMD'));
  expect(findCommand('shim.CMD', search)).toBe(join(bin, 'shim.CMD'));
  expect(findCommand('notes', search)).toBeUndefined();
});
