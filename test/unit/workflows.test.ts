import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { repositoryFolder } from '../e2e/command.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
}
interface Workflow {
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, { readonly 'timeout-minutes'?: number; readonly steps: readonly Step[] }>>;
}

const folder = join(repositoryFolder, '.github/workflows');
const workflows = readdirSync(folder).map((name): [string, string] => [name, readFileSync(join(folder, name), 'utf8')]);

test.each(workflows)('%s: actions are pinned to a commit, rights are named, jobs end', (_name, text) => {
  const { permissions, jobs } = parse(text) as Workflow;
  expect(permissions).toEqual({ contents: 'read' });
  for (const { steps, 'timeout-minutes': minutes } of Object.values(jobs)) {
    expect(minutes).toBeGreaterThan(0);
    for (const { uses, run = '' } of steps) {
      if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w./-]+@[0-9a-f]{40}$/);
      // What a title or a branch is called must not become a command.
      expect(run).not.toMatch(/\$\{\{\s*github\.(event|head_ref|ref_name)/);
    }
  }
  // A pin shows which release it is.
  for (const line of text.split('\n').filter((one) => one.includes('uses:'))) expect(line).toMatch(/# v\d+\.\d+\.\d+$/);
});

test('the whole of .ci/run runs on every supported version of Node.js', () => {
  const text = workflows.find(([name]) => name === 'ci.yml')?.[1] ?? '';
  const { jobs } = parse(text) as { jobs: { test: { strategy: { matrix: { node: number[] } }; steps: Step[] } } };
  expect(jobs.test.strategy.matrix.node).toEqual([20, 22, 24]);
  expect(jobs.test.steps.at(-1)?.run).toBe('.ci/run');
});
