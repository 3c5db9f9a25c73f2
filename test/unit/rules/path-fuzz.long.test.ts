import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ToolRules } from '../../../src/rules/argument-rules.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'fuzz-')));
afterAll(() => rmSync(folder, { recursive: true }));
const data = join(folder, 'data');
mkdirSync(join(data, 'sub', '.ssh'), { recursive: true });
writeFileSync(join(data, 'open'), 'open');
writeFileSync(join(data, 'sub', 'open'), 'open');
for (const file of ['secret', 'data/.env', 'data/sub/.ssh/secret']) writeFileSync(join(folder, file), 'secret');
symlinkSync(folder, join(data, 'up'));
symlinkSync('.ssh', join(data, 'sub', 'soft'));
symlinkSync(join(data, '.env'), join(data, 'env'));

const rules = new Map([['*', new Map([['path', { within: [data], deny: ['**/.env', '**/.ssh/**'] }]])]]);
const compiled = ToolRules.of(rules, { ownName: 't', inputSchema: {} }, { base: data, isLocal: true });

/** What programs do with a path before they open it. */
const ways: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => path.trim(),
  (path) => path.trim().replace(/^["']|["']$/g, ''),
  decodeURIComponent,
  (path) => path.replaceAll('\\', '/'),
  (path) => (path.startsWith('file:') ? fileURLToPath(path) : path),
  (path) => path.normalize('NFKC'),
  (path) => path.split('\0')[0] ?? '',
  (path) => resolve(data, path),
];

function read(path: string): string | undefined {
  try {
    return readFileSync(path.startsWith('/') ? path : `${data}/${path}`, 'utf8');
  } catch {
    return undefined;
  }
}

function allReads(path: string): Set<string> {
  const found = new Set<string>();
  for (const first of ways) {
    for (const second of ways) {
      for (const third of ways) {
        try {
          const text = read(third(second(first(path))));
          if (text !== undefined) found.add(text);
        } catch {
          // Not a way to read this path.
        }
      }
    }
  }
  return found;
}

const piece = fc.constantFrom(
  ...[
    '..',
    '.',
    '/',
    '//',
    '\\',
    '%2e',
    '%2E%2e',
    '%2f',
    '%252e',
    '%5c',
    '\0',
    '%00',
    ' ',
    '"',
    "'",
    '．',
    '․',
    '／',
    '\u200b',
  ],
  ...[
    'file://',
    'file:',
    'localhost',
    '~',
    '-',
    'sub',
    'up',
    'soft',
    'env',
    '.env',
    '.ENV',
    '.ssh',
    'secret',
    'open',
    'new',
    'data',
  ],
  ...[data, folder, encodeURI(data)],
);
const paths = fc.array(piece, { minLength: 1, maxLength: 9 }).map((pieces) => pieces.join(''));
const below = fc
  .array(fc.tuple(piece, fc.constantFrom('', '/')), { maxLength: 6 })
  .map((pieces) => `${data}/${pieces.flat().join('')}`);

test('no path that is allowed leads to a secret, in three steps of any program', async () => {
  let allowed = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(paths, below), async (path) => {
      try {
        await compiled?.check({ path }, undefined);
      } catch {
        return;
      }
      allowed += 1;
      expect([path, allReads(path).has('secret')]).toEqual([path, false]);
    }),
    { numRuns: 3_000 },
  );
  expect(allowed).toBeGreaterThan(100);
  expect(allReads(`${folder}/secret`).has('secret')).toBe(true);
}, 120_000);
