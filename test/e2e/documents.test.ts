import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from '@jest/globals';
import { type Block, blocksOf, documents } from '../document-blocks.ts';
import { patternOf, quickDocuments, runDocument } from './document-session.ts';
import { repositoryFolder, startService, test, waitFor } from './harness.ts';

const RUN = new Set(['sh', 'json', 'jsonc', 'text']);
const RUN_MARK = /^(exit code \d+|refused|generated: .*|end of generated)$/;

// The others are in documents.long.test.ts.
describe('the commands in', () => {
  for (const document of quickDocuments) {
    test(document, async () => {
      const { outputs, missing } = await runDocument(document);
      expect(outputs.size).toBeGreaterThan(0);
      expect(missing).toEqual([]);
    }, 120_000);
  }
});

test('npm start prints what README shows', async () => {
  const shown = blocksOf('README.md').find(
    ({ language, text }) => language === 'text' && text.startsWith('Listening on'),
  );
  const { scripts } = JSON.parse(readFileSync(join(repositoryFolder, 'package.json'), 'utf8'));
  expect(scripts.start).toBe('npm run --silent build && node dist/cli.js --config servers.example.json');

  const args = ['--config', 'servers.example.json'];
  // npx finds the packages in node_modules of this folder.
  const service = await startService({ args, cwd: repositoryFolder, env: { LOG_FORMAT: 'pretty' } });
  await waitFor(() => service.stdout().includes('curl'), 20_000, 'the line to try');
  const printed = service.stdout().replaceAll(service.url, 'http://127.0.0.1:8000').split('\n');
  const lines = shown?.text.trimEnd().split('\n') ?? [];
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.filter((line) => !printed.some((one) => patternOf(line).test(one)))).toEqual([]);
}, 60_000);

test('blocks that are not run say why', () => {
  const blocks = documents.flatMap(blocksOf);
  const isRun = ({ language, mark }: Block) => RUN.has(language) && (mark === undefined || RUN_MARK.test(mark));
  const saysWhy = ({ mark = '' }: Block) => /^not run: \S.{10,}/.test(mark);
  expect(blocks.filter((block) => !isRun(block) && !saysWhy(block)).map(({ place }) => place)).toEqual([]);
});
