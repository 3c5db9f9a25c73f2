import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const root = join(import.meta.dirname, '../..');
const rooms =
  'audit|auth|cli|config|db|http|mcp|openapi|placeholders|process|rate-limit|schema|servers|service|telemetry|turns|vault';

/** Every file that a document names in backquotes: from the repository's folder, or from `src/`. */
function namedFiles(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8');
  const named = [...text.matchAll(/`([\w./-]+\.(?:ts|mjs|json|md|example)|[\w./-]+\/)`/g)].map(([, file = '']) => file);
  return named.filter((file) => /^(src|test|scripts|docs)\//.test(file) || new RegExp(`^(${rooms})/`).test(file));
}

describe.each(['CONTRIBUTING.md', 'docs/architecture.md', 'SECURITY.md'])('%s', (document) => {
  test('names only files that are there', () => {
    const named = namedFiles(document);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((file) => !existsSync(join(root, file)) && !existsSync(join(root, 'src', file)))).toEqual([]);
  });
});
