// Times what rules for arguments cost a call, by kind of rule, and what a megabyte of text costs.
// node scripts/bench-rules.mjs [milliseconds each=400].
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importSource } from './replay-service.mjs';

const sliceMs = Number(process.argv[2] ?? 400);
const { ToolRules } = await importSource(['rules/argument-rules.ts']);

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
    await run(compiled, args, sliceMs / 4);
    const { calls, ms } = await run(compiled, args, sliceMs);
    console.log(`${name.padEnd(28)} ${((ms / calls) * 1_000).toFixed(1).padStart(10)} µs`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

async function run(compiled, args, atLeastMs) {
  const startedAt = performance.now();
  let calls = 0;
  do {
    await compiled.check(args, undefined);
    calls += 1;
  } while (performance.now() - startedAt < atLeastMs);
  return { calls, ms: performance.now() - startedAt };
}
