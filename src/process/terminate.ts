import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { isGroupGone, removeLiveGroup, signalGroup } from './live-groups.ts';

const INPUT_END_GRACE_MS = 300;
const TERM_GRACE_MS = 2_000;
/** A killed process whose parent never collects it stays in the table for good: that is not waited for. */
const KILL_GRACE_MS = 500;
const MAX_POLL_MS = 50;

/**
 * Ends a process group: end of input, SIGTERM, SIGKILL, each to the whole group and only as far as needed, since a
 * grandchild may outlive its parent. Resolves when none is left, in under three seconds.
 */
export async function terminateGroup(pid: number, stdin: Writable): Promise<void> {
  stdin.end();
  if (!(await isGoneWithin(pid, INPUT_END_GRACE_MS))) {
    signalGroup(pid, 'SIGTERM');
    if (!(await isGoneWithin(pid, TERM_GRACE_MS))) {
      signalGroup(pid, 'SIGKILL');
      await isGoneWithin(pid, KILL_GRACE_MS);
    }
  }
  stdin.destroy();
  removeLiveGroup(pid);
}

async function isGoneWithin(pid: number, timeoutMs: number): Promise<boolean> {
  const giveUpAt = performance.now() + timeoutMs;
  for (let pollMs = 2; ; pollMs = Math.min(pollMs * 2, MAX_POLL_MS)) {
    if (isGroupGone(pid)) return true;
    const leftMs = giveUpAt - performance.now();
    if (leftMs <= 0) return false;
    await delay(Math.min(pollMs, leftMs));
  }
}
