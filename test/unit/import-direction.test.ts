import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { findImportProblems, type RoomRule, roomRules } from './import-rules.ts';

const sourceFolder = fileURLToPath(new URL('../../src', import.meta.url));
const sources = new Map(
  readdirSync(sourceFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [relative(sourceFolder, file).replaceAll('\\', '/'), readFileSync(file, 'utf8')]),
);

describe('imports in src', () => {
  test('run downward only and use libraries only in their rooms', () => {
    expect(sources.size).toBeGreaterThan(5);
    expect(findImportProblems(sources)).toEqual([]);
  });

  test('the rules themselves have no cycle: a room may import only rooms that stand below it', () => {
    const order = [...roomRules.keys()];
    for (const [room, rule] of roomRules) {
      for (const lower of allowedRooms(rule)) expect(order.indexOf(lower)).toBeGreaterThan(order.indexOf(room));
    }
  });
});

function allowedRooms(rule: RoomRule): string[] {
  return [...rule.values, ...rule.types].filter((room) => room !== '*');
}

describe('the rules notice', () => {
  const cases: [string, Record<string, string>, RegExp][] = [
    [
      'an import upward',
      { 'mcp/session.ts': `import { Server } from '../servers/server.ts';` },
      /mcp .* may not import servers/,
    ],
    [
      'a type imported upward',
      { 'servers/server.ts': `import type { App } from '../http/app.ts';` },
      /servers .* may not import http/,
    ],
    [
      'an import between neighbours',
      { 'auth/jwt.ts': `import { open } from '../vault/open.ts';` },
      /auth .* may not import vault/,
    ],
    [
      'a value where only types are allowed',
      { 'http/app.ts': `import { parse } from '../config/args.ts';` },
      /may import only types of config/,
    ],
    ['a re-export upward', { 'errors.ts': `export { a } from './mcp/a.ts';` }, /errors .* may not import mcp/],
    [
      'an import at run time',
      { 'mcp/a.ts': `const a = await import('../servers/a.ts');` },
      /mcp .* may not import servers/,
    ],
    ['a type by import()', { 'mcp/a.ts': `let a: import('../servers/a.ts').A;` }, /mcp .* may not import servers/],
    ['a room without a rule', { 'utils/a.ts': '' }, /utils .* no rule/],
    ['express outside http', { 'servers/page.ts': `import express from 'express';` }, /express belongs to http/],
    [
      'a type of express outside http',
      { 'auth/a.ts': `import type { Request } from 'express';` },
      /express belongs to http/,
    ],
    [
      'the MCP SDK outside mcp',
      { 'servers/a.ts': `import { Client } from '@modelcontextprotocol/sdk/client/index.js';` },
      /belongs to mcp/,
    ],
    ['jsonwebtoken outside auth', { 'http/a.ts': `import jwt from 'jsonwebtoken';` }, /jsonwebtoken belongs to auth/],
    ['process.env outside config', { 'service.ts': 'const a = process.env.A;' }, /process\.env/],
    ['process.env by another spelling', { 'service.ts': `import { env } from 'node:process';` }, /process\.env/],
    ['process.env taken apart', { 'service.ts': 'const { env } = process;' }, /process\.env/],
    [
      'a cycle of files in one room',
      { 'mcp/a.ts': `import './b.ts';`, 'mcp/b.ts': `import './a.ts';` },
      /mcp\/a\.ts → mcp\/b\.ts → mcp\/a\.ts/,
    ],
  ];
  for (const [name, files, message] of cases) {
    test(name, () => {
      expect(findImportProblems(new Map(Object.entries(files))).join('\n')).toMatch(message);
    });
  }

  test('nothing in what is allowed', () => {
    const files = {
      'cli.ts': `import { startService } from './service.ts';`,
      'service.ts': `import { createServer } from './http/server.ts';`,
      'http/server.ts': `import express from 'express';\nimport type { Settings } from '../config/settings.ts';\nimport { a } from './a.ts';`,
      'http/a.ts': `// process.env is not read here\nexport const a = 'process.env';`,
      'config/environment.ts': 'export const level = process.env.LOG_LEVEL;',
    };
    expect(findImportProblems(new Map(Object.entries(files)))).toEqual([]);
  });
});
