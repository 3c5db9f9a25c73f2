import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../wait-for.ts';

export const repositoryFolder = fileURLToPath(new URL('../..', import.meta.url));
/** Node writes what the command ran to this folder when it ends; see scripts/coverage.mjs. */
const coverageEnvironment =
  process.env.SERVICE_COVERAGE === undefined ? {} : { NODE_V8_COVERAGE: process.env.SERVICE_COVERAGE };

/** The built command, unless another copy of it is named, as for the one inside an image. */
const cliFile = process.env.CLI_UNDER_TEST ?? join(repositoryFolder, 'dist/cli.js');
const folders = new Set<string>();
const commands: Command[] = [];

export interface StartOptions {
  /** The servers file: an object is written as JSON, a string as it is. */
  readonly config?: object | string;
  /** Short for a config with these `mcpServers`. */
  readonly servers?: Readonly<Record<string, object>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Wait until no server is `starting` any more. On unless told otherwise. */
  readonly waitForReady?: boolean;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** From the signal, or from the start where none was sent. */
  readonly ms: number;
}

/** A configured server whose program is one of test/fixtures/servers. */
export function fixture(
  program: string,
  args: readonly string[] = [],
  more: object = {},
): { command: string; args: string[] } {
  return { command: process.execPath, args: [fixtureFile(program), ...args], ...more };
}

export function fixtureFile(program: string): string {
  return join(repositoryFolder, 'test/fixtures/servers', program);
}

/** A fresh folder that is gone after the file's last test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mcpo-ts-test-'));
  folders.add(folder);
  return folder;
}

export function removeTemporaryFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}

export interface Command {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  stdout(): string;
  stderr(): string;
}

export function spawnCommand(options: StartOptions, leadingArgs: readonly string[]): Command {
  const folder = temporaryFolder();
  const config: object | string | undefined = options.config ?? (options.servers && { mcpServers: options.servers });
  const args = [...leadingArgs];
  if (config !== undefined) {
    const file = join(folder, 'servers.json');
    writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config, null, 2));
    args.push('--config', file);
  }
  const startedAt = performance.now();
  const child = spawn(process.execPath, [cliFile, ...args, ...(options.args ?? [])], {
    cwd: options.cwd ?? folder,
    env: { PATH: process.env.PATH, HOME: folder, LOG_FORMAT: 'json', ...coverageEnvironment, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const exited = new Promise<Exit>((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal, ms: performance.now() - startedAt }));
  });
  const command = { child, exited, stdout: () => stdout, stderr: () => stderr };
  commands.push(command);
  return command;
}

/** What the commands started since the `first`th said last, for the message of a failing test. */
export function outputTails(first: number): string {
  return commands
    .slice(first)
    .map(({ child, stdout, stderr }) => {
      const tail = (text: string): string => text.trimEnd().split('\n').slice(-30).join('\n');
      return `Process ${child.pid}, exit code ${child.exitCode}\n${tail(stdout())}\n${tail(stderr())}`;
    })
    .join('\n');
}

export function commandCount(): number {
  return commands.length;
}

/** Runs the command to its end: for sub-commands and for starts that must fail. Ends it after `timeoutMs`. */
export async function runCommand(
  leadingArgs: readonly string[],
  options: StartOptions = {},
  timeoutMs = 15_000,
): Promise<Exit & { readonly stdout: string; readonly stderr: string }> {
  // What it prints is for people; a start that fails would print JSON on a pipe.
  const command = spawnCommand({ ...options, env: { LOG_FORMAT: 'pretty', ...options.env } }, leadingArgs);
  const timer = setTimeout(() => command.child.kill('SIGKILL'), timeoutMs);
  const exit = await command.exited;
  clearTimeout(timer);
  await waitFor(() => command.child.stdout?.destroyed && command.child.stderr?.destroyed, 2_000, 'the output to end');
  return { ...exit, stdout: command.stdout(), stderr: command.stderr() };
}
