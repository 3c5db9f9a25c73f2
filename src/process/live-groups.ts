import { execFileSync } from 'node:child_process';
import { Watchdog } from './watchdog.ts';

const live = new Set<number>();
const watchdog = new Watchdog();
let isWatchingExit = false;

/** Makes ready for a child that is about to be started; either `addLiveGroup` or `cancelLiveGroup` follows. */
export function expectLiveGroup(): void {
  watchdog.start();
}

export function cancelLiveGroup(): void {
  watchdog.stopIfIdle();
}

/** Notes a process group that must not outlive the service, however the service ends. */
export function addLiveGroup(pid: number): void {
  live.add(pid);
  watchdog.watch(pid);
  if (isWatchingExit) return;
  isWatchingExit = true;
  process.once('exit', killAllGroups);
}

export function removeLiveGroup(pid: number): void {
  live.delete(pid);
  watchdog.unwatch(pid);
}

/** The last resort when the service leaves without having ended its sessions: kills every group, synchronously. */
export function killAllGroups(): void {
  for (const pid of live) {
    signalGroup(pid, 'SIGKILL');
    removeLiveGroup(pid);
  }
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

/** Whether no process of the group is left (on Windows: whether its first process is gone). */
export function isGroupGone(pid: number): boolean {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
