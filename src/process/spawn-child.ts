import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import spawn from 'cross-spawn';
import type { Confinement } from '../config/server-config.ts';
import type { Redact } from '../telemetry/redactor.ts';
import { type ChildCommand, confineChild } from './confinement/confine-child.ts';
import { describeExit, noteStart } from './exit-reason.ts';
import { terminateGroup } from './process-group.ts';
import { toSpawnFailure } from './spawn-failure.ts';
import { StderrTail } from './stderr-tail.ts';
import { watchdog } from './watchdog.ts';

/** How long output that was written before the exit may take to arrive; a grandchild can hold the pipes for ever. */
const LAST_OUTPUT_MS = 200;

export interface ChildOptions extends ChildCommand {
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
  /**
   * Resolves, never rejects, once the child itself is dead and its last output was read: `ended with code 3` or `was killed
   * by SIGKILL`, with the limit that most probably ended it.
   */
  readonly exited: Promise<string>;
  /** The last lines of stderr, oldest first, without secrets. */
  lastLines(): readonly string[];
  /** Ends the whole process group; resolves when none of it is left. Idempotent. */
  terminate(): Promise<void>;
}

/** Starts a command in a process group of its own. Throws `SessionOpenError` with a public reason. */
export async function spawnChild(options: ChildOptions): Promise<RunningChild> {
  const { confinement, server = '', isOwned = false } = options;
  const confined = confinement && (await confineChild({ ...options, confinement, server, isOwned }));
  const child = await start(confined ?? options).catch(async (error: unknown) => {
    confined?.release();
    throw await toSpawnFailure(error, options);
  });
  const { pid, stdin, stdout, stderr } = child;
  for (const emitter of [child, stdin, stdout]) emitter.on('error', () => {});
  watchdog.watch(pid, server);
  const tail = new StderrTail(stderr, options);
  let termination: Promise<void> | undefined;
  const terminate = () => {
    termination ??= terminateGroup(pid, stdin).then(() => {
      watchdog.unwatch(pid);
      confined?.release();
    });
    return termination;
  };
  return {
    pid,
    stdin,
    stdout,
    exited: whenExited(child, [stdout, stderr], terminate).then(([code, signal]) =>
      describeExit(code, signal, confinement?.limits, tail.lines()),
    ),
    lastLines: () => tail.lines(),
    terminate,
  };
}

type StartedChild = ChildProcessWithoutNullStreams & { readonly pid: number };

async function start({ command, args, env, cwd, uid, gid }: ChildCommand): Promise<StartedChild> {
  watchdog.start();
  noteStart();
  try {
    const child = spawn(command, [...args], {
      env: { ...env },
      cwd,
      uid,
      gid,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    // One that could not be started has no pid and emits an error.
    if (child.pid === undefined) await once(child, 'spawn');
    return child as StartedChild;
  } catch (error) {
    watchdog.stopIfIdle();
    throw error;
  }
}

/** `exit` is the sign of death, not `close`: a grandchild that holds the pipes keeps `close` from ever coming. */
async function whenExited(
  child: ChildProcess,
  outputs: readonly Readable[],
  terminate: () => Promise<void>,
): Promise<[code: number | null, signal: NodeJS.Signals | null]> {
  const end = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('exit', (...given) => resolve(given));
  });
  void terminate();
  const timeout = new AbortController();
  const allRead = Promise.allSettled(outputs.map((output) => finished(output, { cleanup: true })));
  await Promise.race([allRead, delay(LAST_OUTPUT_MS, undefined, { signal: timeout.signal }).catch(() => {})]);
  timeout.abort();
  for (const output of outputs) output.destroy();
  return end;
}
