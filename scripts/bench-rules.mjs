// Times what rules for arguments cost a call, by kind of rule, and what a redacted result costs, by pattern.
// node scripts/bench-rules.mjs [milliseconds each=400].
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importSource } from './replay-service.mjs';

const sliceMs = Number(process.argv[2] ?? 400);
const { ToolRules, resultRedactor, KNOWN_PATTERNS, redactResult } = await importSource([
  'rules/argument-rules.ts',
  'rules/result-redactor.ts',
  'results/redact-result.ts',
]);

const folder = mkdtempSync(join(tmpdir(), 'bench-rules-'));
writeFileSync(join(folder, 'notes.txt'), '');
const local = { base: folder, isLocal: true };
const remote = { base: undefined, isLocal: false };
const path = join(folder, 'notes.txt');
const paths = { path: { within: [folder], deny: ['**/.env', '**/.ssh/**'] } };
const texts = (count) => ({ '*': { deny: Array.from({ length: count }, (_, index) => `(?i)drop${index}\\s+table`) } });
const text = 'Meet on Monday at noon. '.repeat(43_691);

const cases = {
  'a path of a local server': [paths, { path }, local],
  'a path of a remote server': [paths, { path }, remote],
  'a URL': [{ url: { hosts: ['*.example.org'] } }, { url: 'https://a.example.org/x' }, remote],
  'a text of 100 characters': [texts(1), { text: text.slice(0, 100) }, remote],
  '1 MB, 1 pattern': [texts(1), { text }, remote],
  '1 MB, 100 patterns': [texts(100), { text }, remote],
};

try {
  for (const [name, [rules, args, ground]] of Object.entries(cases)) {
    const source = new Map([['*', new Map(Object.entries(rules))]]);
    const compiled = ToolRules.of(source, { ownName: 'tool', inputSchema: {} }, ground);
    await print(name, () => compiled.check(args, undefined));
  }
  const own = { name: 'customer', pattern: '\\bC-\\d{6}\\b' };
  for (const entries of [...KNOWN_PATTERNS.map((one) => [one]), [own], [...KNOWN_PATTERNS, own]]) {
    const redact = resultRedactor(entries);
    const names = entries.length > 1 ? 'all of these' : (entries[0].name ?? entries[0]);
    const content = [{ type: 'text', text: `${text} ann@example.org` }];
    const result = { content, isError: false, raw: { content } };
    await print(`a result of 1 MB, ${names}`, () => redactResult(result, redact));
  }
} finally {
  rmSync(folder, { recursive: true });
}

async function print(name, work) {
  await run(work, sliceMs / 4);
  const { calls, ms } = await run(work, sliceMs);
  console.log(`${name.padEnd(34)} ${((ms / calls) * 1_000).toFixed(1).padStart(10)} µs`);
}

async function run(work, atLeastMs) {
  const startedAt = performance.now();
  let calls = 0;
  do {
    await work();
    calls += 1;
  } while (performance.now() - startedAt < atLeastMs);
  return { calls, ms: performance.now() - startedAt };
}
