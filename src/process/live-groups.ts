import { execFileSync } from 'node:child_process';

const live = new Set<number>();
let isWatchingExit = false;

/** Notes a process group that must not outlive the service. */
export function addLiveGroup(pid: number): void {
  live.add(pid);
  if (isWatchingExit) return;
  isWatchingExit = true;
  process.once('exit', killAllGroups);
}

export function removeLiveGroup(pid: number): void {
  live.delete(pid);
}

/** The last resort when the service leaves without having ended its sessions: kills every group, synchronously. */
export function killAllGroups(): void {
  for (const pid of live) signalGroup(pid, 'SIGKILL');
  live.clear();
}

/** Signals every process of a group; a group that is gone already is no failure. */
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

/** Whether no process of the group is left (on Windows: whether its first process is gone). */
export function isGroupGone(pid: number): boolean {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
