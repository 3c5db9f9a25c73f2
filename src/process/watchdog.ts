import { type ChildProcess, spawn } from 'node:child_process';
import { signalGroup } from './process-group.ts';

/** What the watchdog is called in the process list. */
export const WATCHDOG_NAME = 'mcpo-ts-watchdog';

/** One that ended sooner than this is not started again before the next child: something keeps it from running. */
const MIN_LIFE_MS = 1_000;

// A line adds (`+123`) or removes (`-123`) a process group; a line that the service's death cut short counts for
// nothing. The end of input is the service's end: what is left of the groups has a second for its own clean-up.
const PROGRAM = `
trap '' HUP INT QUIT TERM
groups=' '
while read -r line; do
  group=\${line#?}
  case $line in
    +*) groups="$groups$group " ;;
    -*) case $groups in *" $group "*) groups="\${groups%%" $group "*} \${groups#*" $group "}" ;; esac ;;
  esac
done
[ "$groups" = ' ' ] && exit 0
for group in $groups; do kill -TERM "-$group"; done
sleep 1
for group in $groups; do kill -KILL "-$group"; done`;

/**
 * Sees to it that no child process outlives the service, however the service ends: kills their groups when the service
 * exits, and has a shell do so when the service itself was killed with SIGKILL.
 *
 * Most children leave when their input ends, which the kernel sees to on every system. For the others, and for
 * grandchildren, one `/bin/sh` a service (Linux: 2 ms to start, under 2 MB) blocks on a pipe whose only other end the
 * service holds. It leads a session of its own, so that neither a terminal's signals nor a kill of the service's whole
 * process group reach it; it has no environment, no working directory and no descriptor of ours but the pipe. The
 * alternatives fail: a parent-death signal is sent when the starting *thread* ends and needs native code or `setpriv`,
 * which not every image has, and a grandchild does not inherit it.
 *
 * A group is struck off when nothing of it is left, which is seen within 50 ms. Only if the service is killed in that
 * window, and the system has gone through all its process numbers in it, could another group bear the number.
 *
 * Not reached: a process that has left its group (`setsid`), and anything on Windows and in images without `/bin/sh`,
 * where the end of their input is the only sign that the children get.
 *
 * Exported for the tests that start one in a process of its own; the service has `watchdog`.
 */
export class Watchdog {
  /** The server that each process group is of. */
  readonly #groups = new Map<number, string>();
  #shell: ChildProcess | undefined;
  #isWatchingExit = false;

  /** Starts the shell if it does not run. Call it before a child is started: a child that it does not know is not ended. */
  start(): void {
    if (this.#shell !== undefined || process.platform === 'win32') return;
    const startedAt = performance.now();
    const shell = spawnShell();
    if (shell === undefined) return;
    this.#shell = shell;
    const onEnd = () => {
      if (this.#shell !== shell) return;
      this.#shell = undefined;
      if (this.#groups.size > 0 && performance.now() - startedAt >= MIN_LIFE_MS) this.start();
    };
    shell.once('exit', onEnd);
    shell.once('error', onEnd);
    shell.stdin?.on('error', () => {});
    shell.unref();
    // A socket underneath, which the declared type does not show.
    (shell.stdin as Partial<NodeJS.RefCounted> | null)?.unref?.();
    for (const group of this.#groups.keys()) this.#write(`+${group}`);
  }

  /** The process groups that live, each with the name of its server. */
  get groups(): ReadonlyMap<number, string> {
    return this.#groups;
  }

  watch(group: number, server = ''): void {
    this.#groups.set(group, server);
    if (this.#shell === undefined) this.start();
    else this.#write(`+${group}`);
    if (this.#isWatchingExit) return;
    this.#isWatchingExit = true;
    process.once('exit', () => this.killAll());
  }

  /** Strikes a group off; without any the shell is ended. */
  unwatch(group: number): void {
    if (this.#groups.delete(group)) this.#write(`-${group}`);
    this.stopIfIdle();
  }

  stopIfIdle(): void {
    if (this.#groups.size > 0) return;
    const shell = this.#shell;
    this.#shell = undefined;
    shell?.kill('SIGKILL');
    shell?.stdin?.destroy();
  }

  /** The last resort when the service leaves without having ended its sessions: kills every group, synchronously. */
  killAll(): void {
    for (const group of this.#groups.keys()) {
      signalGroup(group, 'SIGKILL');
      this.unwatch(group);
    }
  }

  /** A line this short is written within the call, so that it is on its way even if the service is killed next. */
  #write(line: string): void {
    this.#shell?.stdin?.write(`${line}\n`);
  }
}

/** The service's own. */
export const watchdog = new Watchdog();

function spawnShell(): ChildProcess | undefined {
  try {
    return spawn('/bin/sh', ['-c', PROGRAM, WATCHDOG_NAME], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
  } catch {
    // Thrown for want of memory: the child, which matters more, says so if it cannot be started either.
    return undefined;
  }
}
