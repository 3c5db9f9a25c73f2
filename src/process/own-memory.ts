import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';

/** What child processes that run as the same user can learn from the service's own process. */
export interface OwnMemory {
  /** Whether `/proc/<pid>/environ` and `ps e` still show variables that children are not given. */
  readonly environment: 'hidden' | 'visible';
  /** Whether such a child may read the service's memory (ptrace, `/proc/<pid>/mem`). */
  readonly memory: 'closed' | 'open';
}

/** Flags whose values may be secrets. */
const SECRET_FLAG = /^(--api-key|--header|--env|-k|-H|-e)$/;
const FLAG_WITH_SECRET = /^(--api-key=|--header=|--env=|-[kHe](?=.))/;

/** Bit 19 of a capability set (linux/capability.h, `CAP_SYS_PTRACE`). */
const CAP_SYS_PTRACE = 1n << 19n;
const OTHER_GROUP = 65_534;

/**
 * Hides the service's environment and command line from its child processes. The kernel shows both as they are in the
 * initial stack of the process (proc_pid_environ(5)), where removing a variable leaves its bytes: they are overwritten
 * in place through `/proc/self/mem`, which takes less than a millisecond and needs neither rights nor a second process.
 * Call it once, before the first child is started and after the variables were taken out of `process.env`.
 */
export function hideOwnMemory(isKept: (variable: string) => boolean, args: readonly string[]): OwnMemory {
  if (process.platform !== 'linux') return { environment: 'visible', memory: 'open' };
  if (isNotDumpable()) return { environment: 'hidden', memory: 'closed' };
  const environment = hideBlocks(isKept, args) ? 'hidden' : 'visible';
  return { environment, memory: closeMemory() ? 'closed' : 'open' };
}

function hideBlocks(isKept: (variable: string) => boolean, args: readonly string[]): boolean {
  try {
    const fields = statFields();
    const memory = openSync('/proc/self/mem', 'r+');
    try {
      overwrite(memory, fields.argStart, (bytes) => maskArguments(bytes, args), '/proc/self/cmdline');
      overwrite(memory, fields.envStart, (bytes) => blankVariables(bytes, isKept), '/proc/self/environ');
    } finally {
      closeSync(memory);
    }
    return blankVariables(readFileSync('/proc/self/environ'), isKept) === 0;
  } catch {
    return false;
  }
}

function overwrite(memory: number, start: number, change: (bytes: Buffer) => number, shownAs: string): void {
  const bytes = readFileSync(shownAs);
  if (change(bytes) > 0) writeSync(memory, bytes, 0, bytes.length, start);
}

/** Where the two blocks begin (proc_pid_stat(5), fields 48 and 50). The name in field 2 may hold spaces and brackets. */
function statFields(): { readonly argStart: number; readonly envStart: number } {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => {
    const value = Number(fields[number - 3]);
    if (!Number.isSafeInteger(value) || value <= 0) throw new Error('The start of a block is unknown.');
    return value;
  };
  return { argStart: field(48), envStart: field(50) };
}

/** Overwrites what is not kept with NULs; returns how many variables there were of it. */
export function blankVariables(bytes: Buffer, isKept: (variable: string) => boolean): number {
  let blanked = 0;
  for (let start = 0; start < bytes.length; ) {
    const nul = bytes.indexOf(0, start);
    const end = nul === -1 ? bytes.length : nul;
    const entry = bytes.toString('utf8', start, end);
    if (entry !== '' && !isKept(entry.split('=', 1)[0] ?? '')) {
      bytes.fill(0, start, end);
      blanked += 1;
    }
    start = end + 1;
  }
  return blanked;
}

/** Overwrites the values of flags that may be secrets with asterisks; returns how many there were. */
export function maskArguments(bytes: Buffer, args: readonly string[]): number {
  const secrets = secretParts(args);
  // Node's own flags come before ours, so that ours are counted from the end.
  let end = bytes.length - 1;
  for (let index = args.length - 1; index >= 0; index--) {
    const start = bytes.lastIndexOf(0, end - 1) + 1;
    const from = secrets.get(index);
    if (from !== undefined) bytes.fill('*', Math.min(start + from, end), end);
    end = start - 1;
  }
  return secrets.size;
}

/** By index, where the secret begins in an argument, in bytes. What stands after `--` is the server's own. */
function secretParts(args: readonly string[]): ReadonlyMap<number, number> {
  const secrets = new Map<number, number>();
  for (const [index, argument] of args.entries()) {
    if (argument === '--') break;
    const [flag] = FLAG_WITH_SECRET.exec(argument) ?? [];
    if (flag !== undefined) secrets.set(index, flag.length);
    else if (SECRET_FLAG.test(args[index - 1] ?? '')) secrets.set(index, 0);
  }
  return secrets;
}

/** The kernel gives the files of a process that is not dumpable to root (proc(5)). It says nothing about root's own. */
function isNotDumpable(): boolean {
  try {
    const uid = process.getuid?.();
    return uid !== 0 && statSync('/proc/self/environ').uid !== uid;
  } catch {
    return false;
  }
}

/**
 * As root, a change of the effective group makes the process non-dumpable until it executes another program
 * (prctl(2), `PR_SET_DUMPABLE`); that stops children without `CAP_SYS_PTRACE`, as they are in most containers. For other
 * users nothing but native code or an unreadable binary does so; Yama, where it is on, forbids to trace an ancestor.
 */
function closeMemory(): boolean {
  const group = process.getegid?.();
  if (process.getuid?.() === 0 && group !== undefined) {
    try {
      process.setegid?.(group === OTHER_GROUP ? 0 : OTHER_GROUP);
      process.setegid?.(group);
      if (!hasTraceCapability()) return true;
    } catch {
      // No CAP_SETGID.
    }
    return false;
  }
  return Number(readOr('/proc/sys/kernel/yama/ptrace_scope', '0')) > 0;
}

function hasTraceCapability(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readOr('/proc/self/status', ''))?.[1] ?? 'ffffffffffffffff';
  return (BigInt(`0x${effective}`) & CAP_SYS_PTRACE) !== 0n;
}

function readOr(file: string, fallback: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return fallback;
  }
}
