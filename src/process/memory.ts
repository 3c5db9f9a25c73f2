import { readdirSync, readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';

const KIB = 1024;
const MAX_DEPTH = 64;

/** Memory in bytes, as far as the system says. */
export interface Memory {
  /** What the service with its child processes may have at most: the machine's, or the limit of its control group. */
  readonly totalBytes: number;
  /** What is left of it now, page cache that can be dropped included; `undefined` where the system does not say. */
  readonly availableBytes: number | undefined;
}

/**
 * Reads the memory of the machine (proc_meminfo(5)) and the limits of the control groups that this process is in, versions
 * 2 and 1 (Linux, admin-guide/cgroup-v2, "memory.max"). `process.availableMemory()` counts page cache as used there, so
 * that a container which has read many files would look full. `root` is for tests.
 */
export function readMemory(root = '/'): Memory {
  const machine = readFields(join(root, 'proc/meminfo'));
  const totalBytes = bytesOf(machine, 'MemTotal') ?? totalmem();
  const groups = controlGroups(root).map(readGroup);
  return groups.reduce<Memory>(
    (memory, { limitBytes, usedBytes }) => ({
      totalBytes: Math.min(memory.totalBytes, limitBytes),
      availableBytes: Math.min(memory.availableBytes ?? Number.POSITIVE_INFINITY, limitBytes - usedBytes),
    }),
    { totalBytes, availableBytes: bytesOf(machine, 'MemAvailable') },
  );
}

/**
 * The memory in bytes that a process and its descendants have for themselves, without programs and libraries that are
 * shared (proc_pid_status(5), `RssAnon`); `undefined` where the system does not say.
 */
export function memoryOfTree(pid: number): number | undefined {
  const own = bytesOf(readFields(`/proc/${pid}/status`), 'RssAnon');
  if (own === undefined) return undefined;
  return childrenOf(pid).reduce((sum, child) => sum + (memoryOfTree(child) ?? 0), own);
}

/** How many processes of this control group the system has killed for lack of memory; `undefined` if it does not say. */
export function oomKills(root = '/'): number | undefined {
  const [group] = controlGroups(root);
  if (group === undefined) return undefined;
  const files = ['memory.events', 'memory.oom_control'].map((file) => readFields(join(group.folder, file)));
  return files.map((fields) => fields.get('oom_kill')).find((count) => count !== undefined);
}

/** Each thread lists the processes that it has started (proc_tid_children(5)). */
function childrenOf(pid: number): readonly number[] {
  try {
    const tasks = `/proc/${pid}/task`;
    return readdirSync(tasks).flatMap((task) => {
      const text = readText(join(tasks, task, 'children')) ?? '';
      return text.split(' ').filter(Boolean).map(Number);
    });
  } catch {
    return [];
  }
}

interface ControlGroup {
  readonly folder: string;
  readonly limit: string;
  readonly usage: string;
  /** In `memory.stat`: file pages that were not used lately. */
  readonly droppable: string;
}

/** The process's group and all above it: each may have a limit. */
function controlGroups(root: string): readonly ControlGroup[] {
  const lines = (readText(join(root, 'proc/self/cgroup')) ?? '').split('\n').map((line) => line.split(':'));
  return lines.flatMap(([, controllers, ...path]) => {
    if (controllers === '') {
      const files = { limit: 'memory.max', usage: 'memory.current', droppable: 'inactive_file' };
      return upwards(join(root, 'sys/fs/cgroup'), path.join(':')).map((folder) => ({ folder, ...files }));
    }
    if (!controllers?.split(',').includes('memory')) return [];
    const files = {
      limit: 'memory.limit_in_bytes',
      usage: 'memory.usage_in_bytes',
      droppable: 'total_inactive_file',
    };
    return upwards(join(root, 'sys/fs/cgroup/memory'), path.join(':')).map((folder) => ({ folder, ...files }));
  });
}

function upwards(base: string, path: string): readonly string[] {
  const folders: string[] = [];
  for (let at = path; folders.length < MAX_DEPTH; at = dirname(at)) {
    folders.push(join(base, at));
    if (at === dirname(at)) break;
  }
  return folders;
}

/** Without a limit, or where there is no such group: endless. */
function readGroup({ folder, limit, usage, droppable }: ControlGroup): { limitBytes: number; usedBytes: number } {
  const limitBytes = Number(readText(join(folder, limit)) ?? 'max');
  const usedBytes = Number(readText(join(folder, usage)) ?? Number.NaN);
  if (!Number.isFinite(limitBytes) || !Number.isFinite(usedBytes)) {
    return { limitBytes: Number.POSITIVE_INFINITY, usedBytes: 0 };
  }
  const cached = readFields(join(folder, 'memory.stat')).get(droppable) ?? 0;
  return { limitBytes, usedBytes: Math.max(0, usedBytes - cached) };
}

/** The numbers of lines such as `MemTotal:  24684092 kB` and `inactive_file 4096`. */
function readFields(file: string): ReadonlyMap<string, number> {
  const lines = (readText(file) ?? '').matchAll(/^(\w+):?\s+(\d+)/gm);
  return new Map([...lines].map(([, name = '', value]) => [name, Number(value)]));
}

function bytesOf(fields: ReadonlyMap<string, number>, name: string): number | undefined {
  const kib = fields.get(name);
  return kib === undefined ? undefined : kib * KIB;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
