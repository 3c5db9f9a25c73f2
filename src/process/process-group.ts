import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

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
}

/** Signals every process of a group; a group that is already gone is not a failure. */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    if (process.platform === 'win32') {
      execFileSync('taskkill', ['/pid', String(pid), '/T', '/F'], { stdio: 'ignore', windowsHide: true });
    } else {
      process.kill(-pid, signal);
    }
  } catch {
    // Gone already, or not ours to signal: either way there is nothing more to do.
  }
}

/** Whether a process has children; `undefined` where the system does not say (proc_pid_stat(5), field 4). */
export function hasChildProcesses(pid: number): boolean | undefined {
  try {
    return readdirSync('/proc').some((name) => /^\d+$/.test(name) && parentOf(name) === pid);
  } catch {
    return undefined;
  }
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets before may hold spaces and brackets.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

async function isGoneWithin(pid: number, timeoutMs: number): Promise<boolean> {
  const giveUpAt = performance.now() + timeoutMs;
  for (let pollMs = 2; ; pollMs = Math.min(pollMs * 2, MAX_POLL_MS)) {
    if (!exists(process.platform === 'win32' ? pid : -pid)) return true;
    const leftMs = giveUpAt - performance.now();
    if (leftMs <= 0) return false;
    await delay(Math.min(pollMs, leftMs));
  }
}

/** Whether there is such a process; of a negative number, any process of that group (kill(2)). */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
