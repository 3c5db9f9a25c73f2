import type { ResourceLimits } from '../config/server-config.ts';
import { oomKills } from './memory.ts';

/** How a program ends that gets no more memory: V8, glibc, and a program that touches what it was not given. */
const MEMORY_SIGNALS: ReadonlySet<string> = new Set(['SIGABRT', 'SIGTRAP', 'SIGSEGV', 'SIGILL', 'SIGBUS']);
const MEMORY_WORDS = /out of memory|cannot allocate memory|MemoryError|bad_alloc|heap limit|ENOMEM/i;
/** A shell and bwrap(1) report the signal that ended their child so. */
const SIGNALS_BY_CODE: ReadonlyMap<number, string> = new Map([
  [132, 'SIGILL'],
  [133, 'SIGTRAP'],
  [134, 'SIGABRT'],
  [135, 'SIGBUS'],
  [137, 'SIGKILL'],
  [139, 'SIGSEGV'],
  [152, 'SIGXCPU'],
]);

let killsBefore: number | undefined;

/** To be called when a child is started: later kills by the system are counted from here. */
export function noteStart(): void {
  killsBefore ??= oomKills();
}

/** How a process ended, with the limit that most probably ended it: `ended with code 3`, `was killed by SIGKILL`. */
export function describeExit(
  code: number | null,
  signal: NodeJS.Signals | null,
  limits: ResourceLimits | undefined,
  lines: readonly string[],
): string {
  const how = code === null ? `was killed by ${signal}` : `ended with code ${code}`;
  const by = signal ?? SIGNALS_BY_CODE.get(code ?? 0);
  const { memoryMb, cpuSeconds } = limits ?? {};
  if (cpuSeconds !== undefined && by === 'SIGXCPU') return `${how}: its limit of ${cpuSeconds} s of processor time`;
  if (by === 'SIGKILL') {
    const kills = oomKills();
    const isOutOfMemory = kills !== undefined && kills > (killsBefore ?? kills);
    killsBefore = kills;
    if (isOutOfMemory) return `${how}: the system was out of memory`;
    return cpuSeconds === undefined ? how : `${how}, perhaps for its limit of ${cpuSeconds} s of processor time`;
  }
  const lacksMemory = MEMORY_SIGNALS.has(by ?? '') || lines.some((line) => MEMORY_WORDS.test(line));
  return memoryMb !== undefined && code !== 0 && lacksMemory ? `${how}: its limit of ${memoryMb} MiB of memory` : how;
}
