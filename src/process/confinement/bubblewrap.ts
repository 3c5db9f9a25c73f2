import { existsSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { Confinement, Sandbox } from '../../config/server-config.ts';
import { isReachable, type ServerHome } from './server-home.ts';

export interface SandboxOptions {
  readonly sandbox: Sandbox;
  readonly confinement: Pick<Confinement, 'serviceHome' | 'dataDir' | 'homesDir' | 'privatePaths'>;
  /** The process may write to it. Its user makes the sandbox: what they cannot reach it cannot show either. */
  readonly home: ServerHome;
  readonly cwd: string;
  /** What must stay visible inside of hidden folders: the folders of PATH and the process's own script. */
  readonly needed: readonly string[];
}

/** Empty in the sandbox, except for what is needed of them; /run holds sockets. */
const HIDDEN = ['/tmp', '/var/tmp', '/run', '/home', '/root'];
/** Name resolution and, on NixOS, all programs. */
const NEEDED_OF_RUN = [
  '/run/systemd/resolve',
  '/run/resolvconf',
  '/run/NetworkManager/resolv.conf',
  '/run/current-system',
];
const MAX_ENTRIES = 500;

/** The arguments every sandbox has; the process numbers of a new namespace show no process but the sandbox's own. */
export function namespaceArguments({ network }: Pick<Sandbox, 'network'>): readonly string[] {
  return [
    '--die-with-parent',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-cgroup-try',
    ...(network ? [] : ['--unshare-net']),
    ...['--cap-drop', 'ALL'],
    ...['--ro-bind', '/', '/'],
    ...['--dev', '/dev'],
    ...['--proc', '/proc'],
  ];
}

/**
 * The arguments of `bwrap` before `--` (bwrap(1)): everything read-only; homes, temporary folders and sockets hidden but
 * for what is needed; then what the admin adds; then, over all of it, the service's own files hidden.
 */
export function sandboxArguments(options: SandboxOptions): readonly string[] {
  const { sandbox, confinement, cwd, needed } = options;
  const { folder: home, user } = options.home;
  const hidden = unique([...HIDDEN, confinement.serviceHome].map(realOr)).filter(
    (path) => path !== '/' && isFolder(path),
  );
  const isHidden = (path: string) => hidden.some((folder) => isWithin(path, folder));
  const holdsHidden = (path: string) => hidden.some((folder) => isWithin(folder, path));
  const back = unique(
    [...NEEDED_OF_RUN, ...needed, cwd].filter((path) => existsSync(path)).flatMap((path) => [path, realOr(path)]),
  );
  const shown = back
    .filter((path) => isHidden(path) && !holdsHidden(path) && (user === undefined || isReachable(path, user.uid)))
    .sort(byLength);
  const writable = sandbox.writable.map(realOr);
  const isShown = (path: string) =>
    !isHidden(path) || [...shown, ...sandbox.readOnly, ...writable].some((folder) => isWithin(path, folder));
  return [
    ...namespaceArguments(sandbox),
    ...hidden
      .filter((path) => !hidden.some((other) => other !== path && isWithin(path, other)))
      .flatMap((path) => ['--tmpfs', path]),
    ...shown.flatMap((path) => ['--ro-bind', path, path]),
    ...sandbox.readOnly.flatMap((path) => ['--ro-bind', path, path]),
    ...sandbox.writable.flatMap((path) => ['--bind', path, path]),
    ...hideOwn(confinement, writable),
    ...['--bind', home, home],
    ...['--chdir', isShown(cwd) ? cwd : home],
  ];
}

/**
 * A folder of the service becomes an empty one. A file's folder becomes one with everything but that file: a mask on the
 * file itself would fall off when an editor puts a new file in its place. Only where the server writes to the folder
 * there is no other way than the mask.
 */
function hideOwn(
  { dataDir, homesDir, privatePaths }: SandboxOptions['confinement'],
  writable: readonly string[],
): readonly string[] {
  const paths = unique([dataDir, homesDir, ...privatePaths].filter((path) => existsSync(path)).map(realOr));
  const folders = paths.filter(isFolder);
  const files = paths.filter((path) => !isFolder(path) && !folders.some((folder) => isWithin(path, folder)));
  const listed = unique(
    [...privatePaths].filter((path) => existsSync(path)).map((path) => join(realOr(dirname(path)), basename(path))),
  );
  const isOwn = new Set([...files, ...listed]);
  const args: string[] = [];
  for (const folder of [...unique([...isOwn].map((path) => dirname(path)))].sort(byLength)) {
    if (folders.some((other) => isWithin(folder, other))) continue;
    const entries = readdirSync(folder).map((name) => join(folder, name));
    const isWritten = writable.some((path) => isWithin(folder, path));
    if (isWritten || folder === '/' || entries.length > MAX_ENTRIES) {
      for (const file of files) if (dirname(file) === folder) args.push('--ro-bind', '/dev/null', file);
      continue;
    }
    args.push('--tmpfs', folder);
    for (const entry of entries) if (!isOwn.has(entry)) args.push(...showAgain(entry));
    for (const path of writable) if (isWithin(path, folder)) args.push('--bind', path, path);
  }
  return [...args, ...folders.flatMap((folder) => ['--tmpfs', folder])];
}

function showAgain(path: string): readonly string[] {
  try {
    return ['--symlink', readlinkSync(path), path];
  } catch {
    return ['--ro-bind-try', path, path];
  }
}

/** Where a folder of PATH belongs to a program's own tree (`~/.nvm/versions/node/v22/bin`), the tree; else the folder. */
export function treeOf(folder: string, serviceHome: string): string {
  const parent = dirname(folder);
  const isShared = [serviceHome, join(serviceHome, '.local'), '/tmp', '/home', '/'].includes(parent);
  return basename(folder) === 'bin' && !isShared ? parent : folder;
}

/** What a path in the arguments needs to be of use: the project of a script, else the path itself. */
export function projectOf(path: string, serviceHome: string): string {
  if (isFolder(path)) return path;
  for (let folder = dirname(path); folder !== dirname(folder) && folder !== serviceHome; folder = dirname(folder)) {
    if (['package.json', 'pyproject.toml'].some((name) => existsSync(join(folder, name)))) return folder;
  }
  return path;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Without symbolic links, which a mount would follow; a path that does not exist stays as it is. */
function realOr(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

function unique(paths: readonly string[]): readonly string[] {
  return [...new Set(paths)];
}

function byLength(a: string, b: string): number {
  return a.length - b.length;
}
