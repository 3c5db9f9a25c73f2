import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import spawn from 'cross-spawn';
import { SessionOpenError } from '../errors.ts';
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
  /** Called with each complete line of stderr, cut at 2,000 characters; not redacted. */
  readonly onStderrLine?: ((line: string) => void) | undefined;
}

export interface ChildExit {
  /** `exited with code 3` or `was killed by SIGKILL`. */
  readonly reason: string;
  /** The last lines of stderr, oldest first; not redacted. */
  readonly lastLines: readonly string[];
}

/** A child process that leads its own process group. */
export interface RunningChild {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves, never rejects, once the child itself is dead and its last output was read. */
  readonly exited: Promise<ChildExit>;
  lastLines(): readonly string[];
  /** Ends the whole process group; resolves when none of it is left. Idempotent. */
  terminate(): Promise<void>;
}

/** Starts a command in a process group of its own. Throws `SessionOpenError` with a public reason. */
export async function spawnChild(options: ChildOptions): Promise<RunningChild> {
  let child: ChildProcess;
  expectLiveGroup();
  try {
    child = spawn(options.command, [...options.args], {
      env: { ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    if (child.pid === undefined) await once(child, 'spawn');
  } catch (error) {
    cancelLiveGroup();
    throw await toSpawnFailure(error, options);
  }
  const { pid, stdin, stdout, stderr } = child;
  if (pid === undefined || stdin === null || stdout === null || stderr === null) {
    cancelLiveGroup();
    throw new SessionOpenError('the command was started without pipes');
  }
  child.on('error', () => {});
  stdin.on('error', () => {});
  stdout.on('error', () => {});
  addLiveGroup(pid);
  const tail = new StderrTail(stderr, options.onStderrLine);
  let termination: Promise<void> | undefined;
  const terminate = () => {
    termination ??= terminateGroup(pid, stdin);
    return termination;
  };
  return {
    pid,
    stdin,
    stdout,
    exited: whenExited(child, [stdout, stderr], terminate).then((reason) => ({ reason, lastLines: tail.lines() })),
    lastLines: () => tail.lines(),
    terminate,
  };
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
  return code === null ? `was killed by ${signal}` : `exited with code ${code}`;
}
