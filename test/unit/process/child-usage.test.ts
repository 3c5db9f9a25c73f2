import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, expect, test } from '@jest/globals';
import { ChildUsage } from '../../../src/process/child-usage.ts';
import { waitFor } from '../../wait-for.ts';

const started: ChildProcess[] = [];
afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
});

/** A shell in a process group of its own. */
function startGroup(script: string): number {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore' });
  started.push(child);
  return child.pid ?? 0;
}

const BUSY = 'n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done';

test('a server has the processes of its groups and their children, also those in a session of their own', async () => {
  // As `bwrap --new-session` does: the grandchild is in another group.
  const sandboxed = startGroup('setsid sleep 9 & sleep 60');
  const groups = new Map([
    [sandboxed, 'files'],
    [startGroup('sleep 60; true'), 'files'],
    [startGroup('sleep 60; true'), 'other'],
  ]);
  const usage = new ChildUsage();
  const found = await waitFor(async () => {
    const usages = await usage.read(groups);
    return usages?.get('files')?.processes === 5 && usages.get('other')?.processes === 2 ? usages : undefined;
  });
  expect(found.get('files')?.memoryBytes).toBeGreaterThan(found.get('other')?.memoryBytes ?? Number.NaN);
  process.kill(-sandboxed, 'SIGKILL');
});

test('the processor time of a process stays when it ends, until its server is removed', async () => {
  const group = startGroup(`${BUSY}; sleep 60`);
  const usage = new ChildUsage();
  const groups = new Map([[group, 'busy']]);
  const before = await waitFor(async () => {
    const found = (await usage.read(groups))?.get('busy');
    return found !== undefined && found.cpuSeconds > 0.05 ? found : undefined;
  });
  process.kill(-group, 'SIGKILL');
  const after = (await usage.read(new Map()))?.get('busy');
  expect(after).toEqual({ processes: 0, memoryBytes: 0, cpuSeconds: expect.any(Number) });
  expect(after?.cpuSeconds).toBeGreaterThanOrEqual(before.cpuSeconds);
  usage.keep(new Set(['busy']));
  expect((await usage.read(new Map()))?.get('busy')?.cpuSeconds).toBe(after?.cpuSeconds);
  usage.keep(new Set());
  expect((await usage.read(new Map()))?.size).toBe(0);
});
