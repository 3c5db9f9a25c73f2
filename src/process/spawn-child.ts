import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import spawn from 'cross-spawn';
import type { Confinement } from '../config/server-config.ts';
import { SessionOpenError } from '../errors.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { type ConfinedChild, confineChild } from './confinement/confine-child.ts';
import { addLiveGroup, cancelLiveGroup, expectLiveGroup } from './live-groups.ts';
import { toSpawnFailure } from './spawn-failure.ts';
import { StderrTail } from './stderr-tail.ts';
import { terminateGroup } from './terminate.ts';

/** How long output that was written before the exit may take to arrive; a grandchild can hold the pipes for ever. */
const LAST_OUTPUT_MS = 200;

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited beside it. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  /** The server that the process is, for the home of a confined one. */
  readonly server?: string | undefined;
  readonly isOwned?: boolean | undefined;
  readonly confinement?: Confinement | undefined;
  /** Takes secrets out of what the child writes to stderr. */
  readonly redact: Redact;
  /** Called with each complete line of stderr, without secrets, cut at 2,000 characters. */
  readonly onStderrLine?: ((line: string) => void) | undefined;
}

/** A child process that leads its own process group. */
export interface RunningChild {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves, never rejects, once the child itself is dead and its last output was read: `ended with code 3`, `was killed by SIGKILL`. */
  readonly exited: Promise<string>;
  /** The last lines of stderr, oldest first, without secrets. */
  lastLines(): readonly string[];
  /** Ends the whole process group; resolves when none of it is left. Idempotent. */
  terminate(): Promise<void>;
}

/** Starts a command in a process group of its own. Throws `SessionOpenError` with a public reason. */
export async function spawnChild(options: ChildOptions): Promise<RunningChild> {
  let child: ChildProcess;
  const { command, args, env, cwd, release, ...user } = await confine(options);
  expectLiveGroup();
  try {
    child = spawn(command, [...args], {
      env: { ...env },
      ...(cwd === undefined ? {} : { cwd }),
      ...user,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    if (child.pid === undefined) await once(child, 'spawn');
  } catch (error) {
    cancelLiveGroup();
    release();
    throw await toSpawnFailure(error, options);
  }
  const { pid, stdin, stdout, stderr } = child;
  if (pid === undefined || stdin === null || stdout === null || stderr === null) {
    cancelLiveGroup();
    release();
    throw new SessionOpenError('the command was started without pipes');
  }
  child.on('error', () => {});
  stdin.on('error', () => {});
  stdout.on('error', () => {});
  addLiveGroup(pid);
  const tail = new StderrTail(stderr, options);
  let termination: Promise<void> | undefined;
  const terminate = () => {
    termination ??= terminateGroup(pid, stdin).then(release);
    return termination;
  };
  return {
    pid,
    stdin,
    stdout,
    exited: whenExited(child, [stdout, stderr], terminate),
    lastLines: () => tail.lines(),
    terminate,
  };
}

async function confine(options: ChildOptions): Promise<ConfinedChild> {
  const { command, args, env, cwd, confinement, server = '', isOwned = false } = options;
  if (confinement === undefined) return { command, args, env, cwd, release: () => undefined };
  return confineChild({ command, args, env, cwd, confinement, server, isOwned });
}

/** `exit` is the sign of death, not `close`: a grandchild that holds the pipes keeps `close` from ever coming. */
async function whenExited(
  child: ChildProcess,
  outputs: readonly Readable[],
  terminate: () => Promise<void>,
): Promise<string> {
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('exit', (...end) => resolve(end));
  });
  void terminate();
  const timeout = new AbortController();
  const allRead = Promise.allSettled(outputs.map((output) => finished(output, { cleanup: true })));
  await Promise.race([allRead, delay(LAST_OUTPUT_MS, undefined, { signal: timeout.signal }).catch(() => {})]);
  timeout.abort();
  for (const output of outputs) output.destroy();
  return code === null ? `was killed by ${signal}` : `ended with code ${code}`;
}
