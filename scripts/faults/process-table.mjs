import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * A process, told apart from a later one with the same number by its start time (clock ticks since boot).
 * @typedef {{ pid: number, parentPid: number, startTime: string, command: string }} ProcessEntry
 */

/** What ends after a killed service ends it; no child of a server. See src/process/watchdog.ts. */
const WATCHDOG = 'mcpo-ts-watchdog';

/**
 * Everything that descends from a process, without zombies and without the watchdog.
 * @param {number} rootPid
 * @returns {ProcessEntry[]}
 */
export function descendantsOf(rootPid) {
  return allDescendantsOf(rootPid).filter(({ command }) => !command.includes(WATCHDOG));
}

/**
 * @param {number} rootPid
 * @returns {ProcessEntry[]}
 */
export function allDescendantsOf(rootPid) {
  const entries = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readEntry(Number(name)) ?? []);
  const found = [];
  const parents = new Set([rootPid]);
  // A child's number can be lower than its parent's: again until nothing is added.
  for (let size = 0; size !== parents.size; ) {
    size = parents.size;
    for (const entry of entries) {
      if (parents.has(entry.pid) || !parents.has(entry.parentPid)) continue;
      parents.add(entry.pid);
      found.push(entry);
    }
  }
  return found;
}

/** @param {ProcessEntry} entry */
export function isRunning({ pid, startTime }) {
  return readEntry(pid)?.startTime === startTime;
}

/** @param {number} pid */
export function countDescriptors(pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/**
 * Whether a process has a file open.
 * @param {number} pid
 * @param {string} name what its path ends in
 */
export function hasOpen(pid, name) {
  return targetsOf(pid).some((target) => target.endsWith(name));
}

/**
 * What each descriptor of a process stands for, such as `socket:[123]`.
 * @param {number} pid
 */
export function targetsOf(pid) {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      // Closed while the folder was read.
      return [];
    }
  });
}

/** @param {number} pid */
export function residentBytes(pid) {
  const found = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? 0) * 1024;
}

/**
 * @param {number} pid
 * @returns {ProcessEntry | undefined}
 */
function readEntry(pid) {
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
