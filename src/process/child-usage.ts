import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { entryOf } from '../telemetry/metrics/entry-of.ts';

/** What the processes of a server use: the child, and everything that it has started. */
export interface Usage {
  processes: number;
  memoryBytes: number;
  /** Of the processor, since the first reading; what a process used after the last reading before its end is missing. */
  cpuSeconds: number;
}

interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Distinguishes processes that have the same number one after the other. */
  readonly startedAt: string;
  readonly cpuSeconds: number;
}

/** Clock ticks a second in /proc: the same on every architecture (proc(5), `USER_HZ`). */
const TICKS_PER_SECOND = 100;
/** A machine may have thousands of processes: calls go on in between. */
const MAX_BLOCKING_MS = 5;
const MAX_READING_MS = 500;

/**
 * Reads from /proc what process groups use. A process belongs to a group by its number or, as in a sandbox with a session
 * of its own, by its parents.
 */
export class ChildUsage {
  /** Processor time of each process as last read, and whose it is. */
  readonly #last = new Map<string, { readonly server: string; readonly cpuSeconds: number }>();
  /** Processor time of processes that have ended, by server. */
  readonly #ended = new Map<string, number>();

  /**
   * By server. `undefined` where there is no /proc, or where reading it takes longer than half a second: then no figures
   * are better than wrong ones.
   */
  async read(groups: ReadonlyMap<number, string>): Promise<ReadonlyMap<string, Usage> | undefined> {
    const processes = groups.size === 0 ? [] : await readProcesses();
    if (processes === undefined) return undefined;
    const byPid = new Map(processes.map((one) => [one.pid, one]));
    const usages = new Map<string, Usage>();
    const alive = new Set<string>();
    for (const one of processes) {
      const server = serverOf(one, groups, byPid);
      if (server === undefined) continue;
      const usage = usageOf(usages, server);
      usage.processes += 1;
      usage.memoryBytes += residentBytes(one.pid);
      usage.cpuSeconds += one.cpuSeconds;
      const key = `${one.pid} ${one.startedAt}`;
      alive.add(key);
      this.#last.set(key, { server, cpuSeconds: one.cpuSeconds });
    }
    for (const [key, { server, cpuSeconds }] of this.#last) {
      if (alive.has(key)) continue;
      this.#last.delete(key);
      this.#ended.set(server, (this.#ended.get(server) ?? 0) + cpuSeconds);
    }
    for (const [server, cpuSeconds] of this.#ended) usageOf(usages, server).cpuSeconds += cpuSeconds;
    return usages;
  }

  /** Drops what is known of servers that are not among these. */
  keep(servers: ReadonlySet<string>): void {
    for (const server of this.#ended.keys()) if (!servers.has(server)) this.#ended.delete(server);
  }
}

function usageOf(usages: Map<string, Usage>, server: string): Usage {
  return entryOf(usages, server, () => ({ processes: 0, memoryBytes: 0, cpuSeconds: 0 }));
}

function serverOf(
  process: ProcessFacts,
  groups: ReadonlyMap<number, string>,
  byPid: ReadonlyMap<number, ProcessFacts>,
): string | undefined {
  const seen = new Set<number>();
  for (let one: ProcessFacts | undefined = process; one !== undefined && !seen.has(one.pid); ) {
    const server = groups.get(one.group);
    if (server !== undefined) return server;
    seen.add(one.pid);
    one = byPid.get(one.parent);
  }
  return undefined;
}

async function readProcesses(): Promise<readonly ProcessFacts[] | undefined> {
  const startedAt = performance.now();
  let turnAt = startedAt;
  const processes: ProcessFacts[] = [];
  let names: readonly string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return undefined;
  }
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const one = readProcess(name);
    if (one !== undefined) processes.push(one);
    const now = performance.now();
    if (now - turnAt < MAX_BLOCKING_MS) continue;
    if (now - startedAt > MAX_READING_MS) return undefined;
    await nextTurn();
    turnAt = performance.now();
  }
  return processes.length === 0 ? undefined : processes;
}

/** proc_pid_stat(5): fields 4, 5, 14, 15 and 22. The name in field 2 may hold spaces and brackets. */
function readProcess(pid: string): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return {
      pid: Number(pid),
      parent: Number(fields[1]),
      group: Number(fields[2]),
      startedAt: fields[19] ?? '',
      cpuSeconds: ticks / TICKS_PER_SECOND,
    };
  } catch {
    // It has ended, or belongs to a user whose processes are hidden.
    return undefined;
  }
}

/** In /proc/<pid>/status, which does not count in pages: their size differs between machines. */
function residentBytes(pid: number): number {
  try {
    const [, kib] = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return Number(kib ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
