import { lstat, readlink, realpath } from 'node:fs/promises';

/** As Linux has it. */
const MAX_LINKS = 40;

/**
 * What the operating system opens, or would create, under an absolute path: symbolic links followed, the dangling ones
 * too, and `..` counted from where a link leads (POSIX, "Pathname Resolution"). `undefined` where that cannot be known.
 */
export async function resolveLinks(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    return isMissing(error) ? walk(path) : undefined;
  }
}

async function walk(path: string): Promise<string | undefined> {
  const pending = path.split('/').reverse();
  let found: string[] = [];
  // Below what does not exist there is nothing to look at.
  let missing = 0;
  let links = 0;
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      found.pop();
      missing = Math.max(0, missing - 1);
      continue;
    }
    const target = missing > 0 ? 'missing' : await targetOf(`/${[...found, part].join('/')}`);
    if (target === 'unknown') return undefined;
    if (typeof target === 'string') {
      found.push(part);
      if (target === 'missing') missing += 1;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return undefined;
    if (target.link.startsWith('/')) found = [];
    pending.push(...target.link.split('/').reverse());
  }
  return `/${found.join('/')}`;
}

async function targetOf(path: string): Promise<{ readonly link: string } | 'itself' | 'missing' | 'unknown'> {
  try {
    const stats = await lstat(path);
    return stats.isSymbolicLink() ? { link: await readlink(path) } : 'itself';
  } catch (error) {
    return isMissing(error) ? 'missing' : 'unknown';
  }
}

/** Also where a part of the path is a file: nothing can be below it. */
function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
