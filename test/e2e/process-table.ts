import { readdirSync, readFileSync } from 'node:fs';

/** A process told apart from a later one with the same number by its start time (clock ticks since boot). */
export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly startTime: string;
  readonly command: string;
}

/** Everything that descends from `rootPid`, without it and without zombies, as the kernel sees it now. */
export function descendantsOf(rootPid: number): ProcessEntry[] {
  const entries = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readEntry(Number(name)))
    .filter((entry) => entry !== undefined);
  const found: ProcessEntry[] = [];
  const queue = [rootPid];
  for (let parentPid = queue.shift(); parentPid !== undefined; parentPid = queue.shift()) {
    for (const entry of entries.filter((candidate) => candidate.parentPid === parentPid)) {
      found.push(entry);
      queue.push(entry.pid);
    }
  }
  return found;
}

/** A zombie counts as gone once its last thread is: until then its pipes are open. */
export function isRunning(entry: ProcessEntry): boolean {
  return readEntry(entry.pid)?.startTime === entry.startTime || isDying(entry.pid);
}

function isDying(pid: number): boolean {
  try {
    const isZombie = /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return isZombie && readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

function readEntry(pid: number): ProcessEntry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in brackets, which may hold spaces and brackets itself (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid, parentPid: Number(fields[1]), startTime: fields[19] ?? '', command };
  } catch {
    return undefined;
  }
}
