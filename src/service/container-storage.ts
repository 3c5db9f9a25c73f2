import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Whether this is a container, and what is mounted in it; see `readHost`. */
export interface HostFacts {
  readonly isContainer: boolean;
  /** The text of `/proc/self/mountinfo`; empty where there is none. */
  readonly mountInfo: string;
}

/** Docker and Podman leave a file behind; under Kubernetes and containerd, the control group's name shows it. */
const CONTAINER_FILES = ['/.dockerenv', '/run/.containerenv'];
const CONTAINER_GROUP = /\b(docker|kubepods|containerd|libpod|crio)\b/;
/** Gone with the container, or with the machine. */
const LOST_FILE_SYSTEMS = new Set(['overlay', 'tmpfs', 'ramfs', 'aufs']);

/** Reads what this process sees; nothing that cannot be read is an error. */
export function readHost(): HostFacts {
  const isContainer =
    CONTAINER_FILES.some((file) => existsSync(file)) || CONTAINER_GROUP.test(textOf('/proc/1/cgroup'));
  return { isContainer, mountInfo: isContainer ? textOf('/proc/self/mountinfo') : '' };
}

/**
 * A warning if a container would lose the folder of the embedded database and of generated keys when it is replaced;
 * `undefined` if the folder is on a mount of its own, or if this is not a container.
 */
export function storageWarning(dataDir: string, { isContainer, mountInfo }: HostFacts): string | undefined {
  if (!isContainer || mountInfo === '') return undefined;
  const mount = mountOf(realFolder(dataDir), mountInfo);
  if (mount === undefined || (mount.point !== '/' && !LOST_FILE_SYSTEMS.has(mount.type))) return undefined;
  return 'the data folder is not on a volume, so the database, the vault and its key are lost with this container; mount a volume there, as in: docker run -v mcpo-data:/data';
}

/**
 * Makes the home of this process where it is below the data folder, as in the image: on a fresh volume it does not exist,
 * and servers write their caches and settings to it. What cannot be made is for the servers to report.
 */
export function makeHome(dataDir: string): void {
  const home = resolve(homedir());
  if (!home.startsWith(join(resolve(dataDir), '/'))) return;
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
  } catch {
    // A server that needs it says more.
  }
}

interface Mount {
  readonly point: string;
  readonly type: string;
}

/** The mount that holds a folder: the longest mount point above it, the last one of several. proc(5). */
function mountOf(folder: string, mountInfo: string): Mount | undefined {
  let found: Mount | undefined;
  for (const line of mountInfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ', 2);
    const point = before
      .split(' ')[4]
      ?.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
    if (point === undefined) continue;
    const isAbove = point === '/' || folder === point || folder.startsWith(`${point}/`);
    if (isAbove && point.length >= (found?.point.length ?? 0)) found = { point, type: after.split(' ')[0] ?? '' };
  }
  return found;
}

/** Without symbolic links, as far as the folder is there. */
function realFolder(folder: string): string {
  const absolute = resolve(folder);
  try {
    return realpathSync(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute
      ? absolute
      : resolve(realFolder(parent), absolute.slice(parent.length).replace(/^\/+/, ''));
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
