import { basename } from 'node:path';

/** What a launcher such as `npx` downloads and runs. */
export interface LaunchedPackage {
  readonly name: string;
  /** As written; `undefined`: whatever is newest when it starts. */
  readonly version: string | undefined;
  readonly isPinned: boolean;
}

const NODE_LAUNCHERS = new Set(['npx', 'bunx', 'pnpx']);
const NODE_SUBCOMMANDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['npm', ['exec', 'x']],
  ['pnpm', ['dlx']],
  ['yarn', ['dlx']],
  ['bun', ['x']],
]);
const ENGINES = new Set(['docker', 'podman', 'nerdctl']);

/** Flags that are followed by a value which is not what is run. */
const VALUED: ReadonlySet<string> = new Set(
  [
    '-c --call --cache --registry --prefix --userconfig -w --workspace', // npx
    '--with --with-editable --python -p --index --index-url --extra-index-url --directory --project --cache-dir', // uvx
    '-e --env --env-file -v --volume --mount --name --network --net -p --publish -u --user -w --workdir --entrypoint', // docker
    '--platform --add-host -l --label -m --memory --memory-swap --cpus --pids-limit --cap-add --cap-drop --security-opt',
    '--tmpfs --device --dns --hostname -h --ip --log-driver --log-opt --pid --pull --restart --runtime --shm-size',
    '--stop-timeout --ulimit --userns --volumes-from --gpus --group-add --ipc --cidfile',
  ].flatMap((flags) => flags.split(' ')),
);

/** The image, or the package of npm or PyPI, that a command runs; `undefined` for a program of this machine. */
export function launchedPackage(command: string, args: readonly string[]): LaunchedPackage | undefined {
  const program = programName(command);
  const [first = '', ...rest] = args;
  if (NODE_LAUNCHERS.has(program)) return toNpmPackage(specOf(args, ['-p', '--package']));
  if (NODE_SUBCOMMANDS.get(program)?.includes(first)) return toNpmPackage(specOf(rest, ['-p', '--package']));
  if (program === 'uvx') return toPythonPackage(specOf(args, ['--from']));
  if (program === 'uv' && first === 'tool' && rest[0] === 'run')
    return toPythonPackage(specOf(rest.slice(1), ['--from']));
  if (program === 'pipx' && first === 'run') return toPythonPackage(specOf(rest, ['--spec']));
  if (isEngine(command) && first === 'run') return toImage(specOf(rest, []));
  return undefined;
}

/** Whether the command is a client of a container engine. */
export function isEngine(command: string): boolean {
  return ENGINES.has(programName(command));
}

function programName(command: string): string {
  return basename(command.replaceAll('\\', '/'))
    .replace(/\.(cmd|exe|ps1)$/i, '')
    .toLowerCase();
}

/** The value of a flag that names what is run, else the first word that belongs to no flag. */
function specOf(args: readonly string[], naming: readonly string[]): string | undefined {
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index] ?? '';
    const [flag = '', assigned] = argument.startsWith('--') ? argument.split(/=(.*)/s) : [argument];
    if (naming.includes(flag)) return assigned ?? args[index + 1];
    if (!argument.startsWith('-')) return argument;
    if (assigned === undefined && VALUED.has(flag)) index += 1;
  }
  return undefined;
}

/** `name@1.2.3`; a range, a tag such as `latest` and a folder are no version. */
function toNpmPackage(spec: string | undefined): LaunchedPackage | undefined {
  if (spec === undefined || /^([./~]|file:)/.test(spec)) return undefined;
  if (/^(git[+:]|https?:|github:)/.test(spec)) return fromGit(spec);
  const [, name = spec, version] = /^(@?[^@]+)(?:@(.*))?$/s.exec(spec) ?? [];
  return { name, version, isPinned: /^\d+\.\d+\.\d+([-+].*)?$/.test(version ?? '') };
}

/** `name==1.2.3`, or `name@1.2.3` for uvx. */
function toPythonPackage(spec: string | undefined): LaunchedPackage | undefined {
  if (spec === undefined || /^([./~]|file:)/.test(spec)) return undefined;
  if (/^(git\+|https?:)/.test(spec)) return fromGit(spec);
  const [, name = spec, version] = /^([\w.-]+)(?:\[[^\]]*\])?\s*(?:(?:===?|@)\s*(.*))?/s.exec(spec) ?? [];
  return { name, version, isPinned: /^\d[\w.!+-]*$/.test(version ?? '') };
}

function fromGit(spec: string): LaunchedPackage {
  const commit = /[@#]([0-9a-f]{40})\b/.exec(spec)?.[1];
  // A URL may hold a token.
  return {
    name: spec.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*/s, ''),
    version: commit,
    isPinned: commit !== undefined,
  };
}

/** `image:1.2.3` or `image@sha256:…`; `latest` can be another image tomorrow. */
function toImage(spec: string | undefined): LaunchedPackage | undefined {
  if (spec === undefined) return undefined;
  const [image = '', digest] = spec.split('@');
  const tag = /:([^/:]+)$/.exec(image)?.[1];
  return {
    name: image.replace(/:[^/:]+$/, ''),
    version: digest ?? tag,
    isPinned: digest !== undefined || (tag !== undefined && tag !== 'latest'),
  };
}

/** Versions before which a published server can be attacked by what it reads, with the advisory. */
const FIXED_IN: ReadonlyMap<string, readonly [version: string, advisory: string]> = new Map([
  ['mcp-remote', ['0.1.16', 'CVE-2025-6514: commands from a remote server']],
  [
    '@modelcontextprotocol/server-filesystem',
    ['2025.7.1', 'CVE-2025-53109, CVE-2025-53110: files outside of the allowed folders'],
  ],
  ['mcp-server-git', ['2026.1.14', 'CVE-2025-68143 to 68145, CVE-2026-27735: files outside of the repository']],
]);

/** The first version without a known hole, and the advisory, if this one is older. */
export function knownFix({
  name,
  version,
}: LaunchedPackage): { readonly version: string; readonly advisory: string } | undefined {
  const [fixed, advisory] = FIXED_IN.get(name) ?? [];
  if (fixed === undefined || advisory === undefined || version === undefined) return undefined;
  return isOlder(version, fixed) ? { version: fixed, advisory } : undefined;
}

function isOlder(version: string, other: string): boolean {
  const [mine, theirs] = [version, other].map((text) => text.split(/[.+-]/).map(Number));
  for (const [index, number] of (theirs ?? []).entries()) {
    const own = mine?.[index] ?? 0;
    if (Number.isNaN(own)) return false;
    if (own !== number) return own < number;
  }
  return false;
}
