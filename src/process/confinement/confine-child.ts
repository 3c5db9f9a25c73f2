import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { Confinement, ResourceLimits } from '../../config/server-config.ts';
import { SessionOpenError } from '../../errors.ts';
import { findCommand } from '../find-command.ts';
import { toSpawnFailure } from '../spawn-failure.ts';
import { namespaceArguments, projectOf, sandboxArguments, treeOf } from './bubblewrap.ts';
import { openServerHome, type ServerHome } from './server-home.ts';

export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited beside it. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly uid?: number;
  readonly gid?: number;
}

interface ConfineOptions extends ChildCommand {
  readonly server: string;
  readonly isOwned: boolean;
  readonly confinement: Confinement;
}

interface ConfinedChild extends ChildCommand {
  /** To be called once none of its processes is left. */
  release(): void;
}

/** Settings of npm, uv, pip and Node that would lead into the service's own home. */
const TOOL_SETTING = /^(npm_config_|UV_|PIP_|NODE_)/;
const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin';
const MIB = 1024 * 1024;
/** After SIGXCPU a process has so many seconds of processor time for its own clean-up. */
const CPU_GRACE_SECONDS = 2;
const PROBE_TIMEOUT_MS = 10_000;
const MAX_QUOTED_CHARACTERS = 200;
/** Sandboxes that could be made, by user and kind: the answer of a system does not change while it runs. */
const provenSandboxes = new Set<string>();

/** How to start a command confined. Nothing is ever started with less than what is wanted: throws `SessionOpenError`. */
export async function confineChild(options: ConfineOptions): Promise<ConfinedChild> {
  const { confinement, server, isOwned } = options;
  const { runAs, sandbox } = confinement;
  const problem = await findConfinementProblem(confinement);
  if (problem !== undefined) throw new SessionOpenError(problem);

  const program = findCommand(options.command, { path: options.env.PATH, cwd: options.cwd });
  // A wrapper would start whatever is there or not, and report it in its own words.
  if (program === undefined) throw await toSpawnFailure({ code: 'ENOENT' }, options);

  const needsHome = runAs !== undefined || sandbox !== undefined;
  const home = needsHome ? openServerHome({ ...confinement, server, isOwned }) : undefined;
  try {
    const [command = '', ...args] = wrap(options, program, home);
    const env = home === undefined ? options.env : homeEnvironment(options.env, confinement.serviceHome, home.folder);
    return { command, args, env, cwd: options.cwd, ...home?.user, release: () => home?.release() };
  } catch (error) {
    home?.release();
    throw error;
  }
}

/** The command with its limits, in its sandbox. */
function wrap(options: ConfineOptions, program: string, home: ServerHome | undefined): readonly string[] {
  const { sandbox, limits } = options.confinement;
  const plain = [options.command, ...options.args];
  const command = limits === undefined ? plain : limitCommand(limits, plain);
  if (sandbox === undefined || home === undefined) return command;
  const cwd = resolve(options.cwd ?? '.');
  const args = sandboxArguments({
    sandbox,
    confinement: options.confinement,
    home,
    cwd,
    needed: neededPaths(options, program, cwd),
  });
  return [systemProgram('bwrap') ?? 'bwrap', ...args, '--', ...command];
}

/**
 * The command that sets limits and then becomes the given one (prlimit(1), setrlimit(2)). Memory is `RLIMIT_DATA`, what a
 * process may write to: `RLIMIT_AS` would count the address space that V8 reserves and never uses. Except for
 * `processes`, each process of the server has the limits to itself.
 */
function limitCommand(limits: ResourceLimits, command: readonly string[]): readonly string[] {
  const { memoryMb, cpuSeconds, processes, files } = limits;
  const flags = [
    ...(memoryMb === undefined ? [] : [`--data=${memoryMb * MIB}`]),
    ...(cpuSeconds === undefined ? [] : [`--cpu=${cpuSeconds}:${cpuSeconds + CPU_GRACE_SECONDS}`]),
    ...(processes === undefined ? [] : [`--nproc=${processes}`]),
    ...(files === undefined ? [] : [`--nofile=${files}`]),
    '--core=0',
  ];
  return [systemProgram('prlimit') ?? 'prlimit', ...flags, '--', ...command];
}

/** Why this system cannot confine a process so, as one sentence for admins; `undefined` if it can. */
export async function findConfinementProblem(confinement: Confinement): Promise<string | undefined> {
  const { runAs, sandbox, limits } = confinement;
  const uid = process.getuid?.();
  const isOther = runAs === 'auto' || (runAs !== undefined && runAs.uid !== uid);
  if (isOther && uid !== 0) {
    return 'its "runAs" needs the service to run as root, which it does not; remove "runAs" or use "sandbox"';
  }
  if (limits !== undefined && systemProgram('prlimit') === undefined) {
    return 'its "limits" need the program prlimit (Debian and Ubuntu: package util-linux), which is not installed';
  }
  if (sandbox === undefined) return undefined;
  const bwrap = systemProgram('bwrap');
  if (bwrap === undefined) {
    return 'its "sandbox" needs the program bwrap (Debian and Ubuntu: package bubblewrap), which is not installed';
  }
  const missing = [...sandbox.readOnly, ...sandbox.writable].find((path) => !existsSync(path));
  if (missing !== undefined) return `its "sandbox" names a path that does not exist: ${JSON.stringify(missing)}`;
  const user = runAs === 'auto' ? { uid: confinement.uids.first, gid: confinement.uids.first } : runAs;
  return probeSandbox(bwrap, sandbox.network, isOther ? user : undefined);
}

function probeSandbox(
  bwrap: string,
  network: boolean,
  user: { readonly uid: number; readonly gid: number } | undefined,
): Promise<string | undefined> {
  const key = `${user === undefined ? 'own' : 'other'} ${network}`;
  if (provenSandboxes.has(key)) return Promise.resolve(undefined);
  const args = [...namespaceArguments({ network }), '--', '/bin/sh', '-c', ':'];
  return new Promise((done) => {
    execFile(bwrap, args, { ...user, env: {}, cwd: '/', timeout: PROBE_TIMEOUT_MS }, (error, _stdout, stderr) => {
      if (error === null) {
        provenSandboxes.add(key);
        done(undefined);
        return;
      }
      const said = stderr.split('\n', 1)[0]?.slice(0, MAX_QUOTED_CHARACTERS) || 'it gave no reason';
      done(
        `its "sandbox" cannot be made on this system, which most often forbids user namespaces, as containers do (${said}); allow them or use "runAs"`,
      );
    });
  });
}

function neededPaths({ env, confinement }: ConfineOptions, program: string, cwd: string): readonly string[] {
  const { serviceHome } = confinement;
  const folders = (env.PATH ?? '').split(delimiter).filter(isAbsolute);
  // Only what the admin has written: an argument of a user must not choose what is shown.
  const scripts = confinement.namedPaths.map((text) => resolve(cwd, text)).filter((path) => existsSync(path));
  return [
    ...folders.map((folder) => treeOf(folder, serviceHome)),
    ...[program, ...scripts].map((path) => projectOf(path, serviceHome)),
  ];
}

/** A home that the admin has given stays. */
function homeEnvironment(
  env: Readonly<Record<string, string>>,
  serviceHome: string,
  folder: string,
): Readonly<Record<string, string>> {
  const kept = Object.entries(env).filter(
    ([name, value]) => name !== 'TMPDIR' && !(TOOL_SETTING.test(name) && value.startsWith(join(serviceHome, '/'))),
  );
  const { HOME: home = serviceHome } = env;
  return { ...Object.fromEntries(kept), TMPDIR: join(folder, 'tmp'), HOME: home === serviceHome ? folder : home };
}

/** Wrappers are the system's, and never what a server's own PATH has of that name. */
function systemProgram(program: string): string | undefined {
  return findCommand(program, { path: SYSTEM_PATH, cwd: '/' });
}
