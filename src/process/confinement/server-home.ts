import { chmodSync, lchownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SessionOpenError } from '../../errors.ts';
import { exists } from '../process-group.ts';

export interface HomeOptions {
  readonly homesDir: string;
  readonly server: string;
  /** A home for one session, gone after it. */
  readonly isOwned: boolean;
  readonly runAs: 'auto' | { readonly uid: number; readonly gid: number } | undefined;
  readonly uids: { readonly first: number; readonly last: number };
}

/** Where a process is at home, and as which user. */
export interface ServerHome {
  readonly folder: string;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  /** Gives the user and the folder of an owned session back; to be called once none of its processes is left. */
  release(): void;
}

/** Users of sessions that live. */
const usersInUse = new Set<number>();
let lastUser = 0;
const sweptFolders = new Set<string>();

/**
 * Opens the home of a server, or of one of its sessions. `servers/<name>@<uid>` also records which user a server has, so
 * that it has the same one after a restart. Throws `SessionOpenError`.
 */
export function openServerHome(options: HomeOptions): ServerHome {
  try {
    return options.isOwned ? openSessionHome(options) : openSharedHome(options);
  } catch (error) {
    if (error instanceof SessionOpenError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new SessionOpenError(`its home folder cannot be made below MCPO_HOMES_DIR (${code})`);
  }
}

function openSharedHome({ homesDir, server, runAs, uids }: HomeOptions): ServerHome {
  const servers = openParent(homesDir, 'servers');
  const user = runAs === 'auto' ? userOf(server, servers, uids) : runAs;
  const folder = join(servers, user === undefined ? server : `${server}@${user.uid}`);
  checkReachable(folder, user);
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) makePrivate(folder, user);
  return { folder, user, release: () => undefined };
}

function openSessionHome({ homesDir, runAs, uids }: HomeOptions): ServerHome {
  const sessions = openParent(homesDir, 'sessions');
  removeLeftovers(sessions);
  const isOwnUser = runAs === 'auto';
  const user = isOwnUser ? freeUser(takenUsers(openParent(homesDir, 'servers')), uids) : runAs;
  checkReachable(join(sessions, 'any'), user);
  const folder = mkdtempSync(join(sessions, `${process.pid}-`));
  makePrivate(folder, user);
  if (isOwnUser && user !== undefined) usersInUse.add(user.uid);
  const release = () => {
    if (isOwnUser && user !== undefined) {
      killProcessesOf(user.uid);
      usersInUse.delete(user.uid);
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  return { folder, user, release };
}

function checkReachable(folder: string, user: ServerHome['user']): void {
  if (user === undefined || isReachable(folder, user.uid)) return;
  throw new SessionOpenError(
    `its home folder cannot be reached by user ${user.uid}: a folder above MCPO_HOMES_DIR is closed to others`,
  );
}

/** Others may pass through, and not look around. */
function openParent(homesDir: string, name: string): string {
  const folder = join(homesDir, name);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  if (process.getuid?.() === 0) for (const each of [homesDir, folder]) chmodSync(each, 0o711);
  return folder;
}

/** Whether a user may pass through all folders above the path. */
export function isReachable(path: string, uid: number): boolean {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const { mode, uid: owner } = statSync(folder);
    if ((mode & (owner === uid ? 0o100 : 0o001)) === 0) return false;
  }
  return true;
}

/** Fills a folder that was made just now. One that a server has had already is its own: a link in it is not followed. */
function makePrivate(folder: string, user: ServerHome['user']): void {
  mkdirSync(join(folder, 'tmp'), { mode: 0o700 });
  if (user === undefined) return;
  for (const each of [join(folder, 'tmp'), folder]) lchownSync(each, user.uid, user.gid);
}

function userOf(server: string, servers: string, uids: HomeOptions['uids']): { uid: number; gid: number } {
  const taken = takenUsers(servers);
  for (const [uid, name] of taken) {
    if (name === server && uid >= uids.first && uid <= uids.last) return { uid, gid: uid };
  }
  return freeUser(taken, uids);
}

function takenUsers(servers: string): ReadonlyMap<number, string> {
  const taken = new Map<number, string>();
  for (const entry of readdirSync(servers)) {
    const at = entry.lastIndexOf('@');
    if (at > 0) taken.set(Number(entry.slice(at + 1)), entry.slice(0, at));
  }
  return taken;
}

/** The next one after the last: a user that was given back rests for as long as possible. */
function freeUser(
  taken: ReadonlyMap<number, string>,
  { first, last }: HomeOptions['uids'],
): { uid: number; gid: number } {
  const count = last - first + 1;
  const start = lastUser >= first && lastUser <= last ? lastUser + 1 - first : 0;
  for (let step = 0; step < count; step++) {
    const uid = first + ((start + step) % count);
    if (taken.has(uid) || usersInUse.has(uid)) continue;
    lastUser = uid;
    return { uid, gid: uid };
  }
  throw new SessionOpenError(`all ${count} users for "runAs": "auto" are taken; set a wider MCPO_RUN_AS_UIDS`);
}

/** Homes of sessions whose service was killed. */
function removeLeftovers(sessions: string): void {
  if (sweptFolders.has(sessions)) return;
  sweptFolders.add(sessions);
  for (const entry of readdirSync(sessions)) {
    const pid = Number(entry.split('-', 1)[0]);
    if (pid === process.pid || !exists(pid)) rmSync(join(sessions, entry), { recursive: true, force: true });
  }
}

/** Ends what has left its process group, before another session gets the user. */
function killProcessesOf(uid: number): void {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const [, real] = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, 'utf8')) ?? [];
      if (Number(real) === uid) process.kill(Number(entry), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}
