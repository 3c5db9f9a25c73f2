import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseCommandLine } from '../../src/cli/arguments.ts';

const root = join(import.meta.dirname, '../..');
const rooms =
  'audit|auth|backup|cli|config|db|http|mcp|openapi|placeholders|process|rate-limit|results|rules|schema|servers|service|telemetry|turns|vault';

/** Every file that a document names in backquotes: from the repository's folder, or from `src/`. */
function namedFiles(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8');
  const named = [...text.matchAll(/`([\w./-]+\.(?:ts|mjs|json|md|example)|[\w./-]+\/)`/g)].map(([, file = '']) => file);
  return named.filter((file) => /^(src|test|scripts|docs)\//.test(file) || new RegExp(`^(${rooms})/`).test(file));
}

describe.each(['CONTRIBUTING.md', 'docs/architecture.md', 'docs/compliance.md', 'SECURITY.md'])('%s', (document) => {
  test('names only files that are there', () => {
    const named = namedFiles(document);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((file) => !existsSync(join(root, file)) && !existsSync(join(root, 'src', file)))).toEqual([]);
  });
});

/** The headings of a document as GitHub makes anchors of them. */
function anchorsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8').replace(/^```.*?^```/gms, '');
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

const pages = readdirSync(join(root, 'docs'))
  .filter((file) => file.endsWith('.md'))
  .map((file) => `docs/${file}`);

describe.each(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...pages])('the links of %s', (document) => {
  const text = readFileSync(join(root, document), 'utf8').replace(/`[^`\n]*`/g, '');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)].map(
    ([, link, source]) => link ?? source,
  );

  test('lead to files and headings that are there', () => {
    const broken = links.filter((link = '') => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? join(root, document) : join(root, dirname(document), path);
      return !existsSync(file) || (anchor !== undefined && !anchorsOf(file).includes(anchor));
    });
    expect(broken).toEqual([]);
  });
});

test('README has at most 200 lines, the two commands, and a link to every page', () => {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(200);
  for (const command of ['npm ci && npm start', 'npm ci && npm test']) expect(text).toContain(`\n${command}`);
  for (const page of pages) expect(text).toContain(`(${page})`);
});

describe('docs/troubleshooting.md', () => {
  const text = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8');
  const messages = [...text.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, message = '']) => message);
  const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, 'src', file), 'utf8'))
    .join('\n');

  test.each(messages)('has a message of the program: %s', (message) => {
    // Its parts, without what differs: names in quotes, numbers, addresses, "…".
    const parts = message
      .split(/"(?:call:time\/current_time|payroll)"|\d[\d.:]*|…|, and |(?<=its process) |\.env\b|\.$/)
      .map((part) => part.trim());
    const words = parts.filter((part) => part.length > 3);
    expect(words.length).toBeGreaterThan(0);
    expect(words.filter((part) => !source.includes(part))).toEqual([]);
  });
});

test('docs/compliance.md: every point of the three documents has a test that shows it', () => {
  const text = readFileSync(join(root, 'docs/compliance.md'), 'utf8');
  const [, points = ''] = text.split('## Points of the three documents');
  const rows = [...points.matchAll(/^\| +(?:00\d)? +\| (.+?) +\| .+? \| (.+?) +\|$/gm)].slice(1);
  expect(rows).toHaveLength(45);
  const unshown = rows.filter(
    ([, , tests = '']) => !/^`test\/[^`]+\.test\.ts`(, `test\/[^`]+\.test\.ts`)*$/.test(tests),
  );
  expect(unshown.map(([, point]) => point)).toEqual([]);
});

test('docs/compliance.md names checks of doctor that there are', () => {
  const checks = readFileSync(join(root, 'docs/operating.md'), 'utf8');
  const [guide = ''] = readFileSync(join(root, 'docs/compliance.md'), 'utf8').split('## Points of the three documents');
  const named = [...guide.matchAll(/^\| .* \| ([^|]+) \|$/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([a-z][a-z-]+)`/g)].map(([, name = '']) => name),
  );
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((name) => name !== 'doctor' && !checks.includes(`| \`${name}\``))).toEqual([]);
});

describe('docs/configuration.md has what --help has', () => {
  const printed = parseCommandLine(['--help']);
  const help = printed.kind === 'print' ? printed.text : '';
  const text = readFileSync(join(root, 'docs/configuration.md'), 'utf8');
  const [, flags = ''] = text.split('\n## Flags\n');

  test('every flag, with its short form, and no other', () => {
    const spellings = (lines: string) =>
      new Set([...lines.matchAll(/(?<![\w-])--?[a-z][a-z-]*/gi)].map(([flag]) => flag));
    const options = [...help.matchAll(/^ {2}(-.*?)(?: {2,}|$)/gm)].map(([, option = '']) => option);
    const rows = [...flags.matchAll(/^\| (`-.*?) \|/gm)].map(([, row = '']) => row.replace(/[A-Z=]{4,}/g, ''));
    expect(options.length).toBeGreaterThan(20);
    expect([...spellings(rows.join('\n'))].sort()).toEqual(
      [...spellings(options.join('\n'))].filter((one) => one !== '--help').sort(),
    );
  });

  test('every command', () => {
    const [, list = ''] = help.split('\nCommands:\n');
    const commands = [...(list.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z]+)/gm)].map(([, name = '']) => name);
    expect(commands.length).toBeGreaterThan(10);
    const [, named = ''] = flags.split('\nCommands: ');
    expect(commands.filter((name) => !new RegExp(`\`${name}[ \`]`).test(named))).toEqual([]);
  });
});
