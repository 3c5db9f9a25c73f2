import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readVersion } from '../version.ts';

/** A service that runs says so again this often. */
const TOUCH_MS = 3_600_000;
/** The file of a container that was killed stays on the volume; nothing else can know that it ended. */
const FOREIGN_STALE_MS = 24 * TOUCH_MS;

/** What a running service writes down for programs beside it: `mcpo-ts health` and `mcpo-ts doctor`. */
export interface RunningService {
  readonly pid: number;
  /** Where it listens, as a URL that works on this machine, without a slash at the end. */
  readonly url: string;
  /** Its random name, which `/healthz` repeats. */
  readonly instance: string;
  readonly version: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
}

interface RuntimeFile {
  readonly remove: () => void;
}

/**
 * Writes the file into the data folder, or into a private folder for temporary files if the data folder is read-only;
 * into none if that is read-only too. Files that killed services left behind are removed. Never throws.
 */
export function writeRuntimeFile(dataDir: string, service: Pick<RunningService, 'url' | 'instance'>): RuntimeFile {
  const content = { pid: process.pid, ...service, version: readVersion(), startedAt: new Date().toISOString() };
  for (const folder of foldersOf(dataDir)) {
    const file = join(folder, `${process.pid}-${scopeOfPids()}.json`);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (!isPrivate(folder)) continue;
      removeStale(folder);
      writeFileSync(`${file}.tmp`, `${JSON.stringify(content)}\n`, { mode: 0o600 });
      renameSync(`${file}.tmp`, file);
    } catch {
      continue;
    }
    const timer = setInterval(() => touch(file), TOUCH_MS).unref();
    return {
      remove: () => {
        clearInterval(timer);
        rmSync(file, { force: true });
      },
    };
  }
  return { remove: () => undefined };
}

/** The services that run here with this data folder; `ended` are the ones that ended without removing their file. */
export function readRuntimeFiles(dataDir: string): {
  readonly running: readonly RunningService[];
  readonly ended: readonly RunningService[];
} {
  const found = foldersOf(dataDir).flatMap((folder) =>
    filesIn(folder)
      .filter((name) => name.endsWith(`-${scopeOfPids()}.json`))
      .flatMap((name) => readFile(join(folder, name)) ?? []),
  );
  return { running: found.filter(({ pid }) => isAlive(pid)), ended: found.filter(({ pid }) => !isAlive(pid)) };
}

function foldersOf(dataDir: string): readonly string[] {
  return [join(dataDir, 'run'), join(tmpdir(), `mcpo-ts-${process.getuid?.() ?? 'user'}`)];
}

/** Other users of this machine could name another service there. */
function isPrivate(folder: string): boolean {
  if (process.platform === 'win32') return true;
  const { uid, mode } = lstatSync(folder);
  const own = process.getuid?.();
  return (mode & 0o170000) === 0o040000 && (mode & 0o022) === 0 && (uid === own || own === 0);
}

function filesIn(folder: string): readonly string[] {
  try {
    return isPrivate(folder) ? readdirSync(folder) : [];
  } catch {
    return [];
  }
}

function readFile(file: string): RunningService | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as RunningService;
    const isWhole = [value.url, value.instance, value.version, value.startedAt].every((one) => typeof one === 'string');
    return isWhole && Number.isInteger(value.pid) && value.pid > 0 ? value : undefined;
  } catch {
    return undefined;
  }
}

function removeStale(folder: string): void {
  for (const name of readdirSync(folder)) {
    const [, pid, scope] = /^(\d+)-([0-9a-f]+)\.json$/.exec(name) ?? [];
    const file = join(folder, name);
    const isStale =
      scope === scopeOfPids() ? !isAlive(Number(pid)) : Date.now() - lstatSync(file).mtimeMs > FOREIGN_STALE_MS;
    if (isStale) rmSync(file, { force: true });
  }
}

/** Process ids of another machine or container mean nothing here. */
function scopeOfPids(): string {
  let namespace = '';
  try {
    namespace = readlinkSync('/proc/self/ns/pid');
  } catch {
    // Not on Linux.
  }
  return createHash('sha256').update(`${hostname()} ${namespace}`).digest('hex').slice(0, 12);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function touch(file: string): void {
  try {
    utimesSync(file, new Date(), new Date());
  } catch {
    // Removed by hand; the service does not depend on it.
  }
}
