import type { ResourceLimits } from '../../config/server-config.ts';

const MIB = 1024 * 1024;
/** After SIGXCPU a process has so many seconds of processor time for its own clean-up. */
const CPU_GRACE_SECONDS = 2;

/**
 * The command that sets limits and then becomes the given one (prlimit(1), setrlimit(2)). Memory is `RLIMIT_DATA`, what a
 * process may write to: `RLIMIT_AS` would count the address space that V8 reserves and never uses. Except for
 * `processes`, each process of the server has the limits to itself.
 */
export function limitCommand(prlimit: string, limits: ResourceLimits, command: readonly string[]): readonly string[] {
  const { memoryMb, cpuSeconds, processes, files } = limits;
  const flags = [
    ...(memoryMb === undefined ? [] : [`--data=${memoryMb * MIB}`]),
    ...(cpuSeconds === undefined ? [] : [`--cpu=${cpuSeconds}:${cpuSeconds + CPU_GRACE_SECONDS}`]),
    ...(processes === undefined ? [] : [`--nproc=${processes}`]),
    ...(files === undefined ? [] : [`--nofile=${files}`]),
    '--core=0',
  ];
  return [prlimit, ...flags, '--', ...command];
}
