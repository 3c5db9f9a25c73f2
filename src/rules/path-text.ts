/** A path's text with its links left alone: where it begins, and its parts. */
export interface PathText {
  /** `''` for `/`, `C:` for a drive; `undefined` for a relative path. */
  readonly root: string | undefined;
  /** Without `.`, and with `..` undone. */
  readonly parts: readonly string[];
  /** A relative path that leaves the folder that it counts from. */
  readonly climbs: boolean;
}

const DRIVE = /^\/?([A-Za-z]):(?=\/|$)/;

export function isAbsolutePath(text: string): boolean {
  return text.startsWith('/') || /^[A-Za-z]:[\\/]/.test(text);
}

/** Reads a path that has `/` between its parts. */
export function parsePath(text: string): PathText {
  const drive = DRIVE.exec(text);
  const root = drive?.[1] === undefined ? (text.startsWith('/') ? '' : undefined) : `${drive[1].toUpperCase()}:`;
  const parts: string[] = [];
  let climbs = false;
  for (const part of text.slice(drive?.[0].length ?? 0).split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) climbs = root === undefined;
  }
  return { root, parts, climbs };
}

/**
 * The path in its one form, `/a/b` or `/C:/a`; of a relative one what it is below `base`, an absolute path. `undefined`
 * where that is not known, or a relative path leaves its base.
 */
export function toAbsolute(text: string, base: string | undefined): string | undefined {
  const { root, parts, climbs } = parsePath(text);
  if (root !== undefined) return `/${[...(root === '' ? [] : [root]), ...parts].join('/')}`;
  if (base === undefined || climbs) return undefined;
  return toAbsolute(`${base}/${parts.join('/')}`, undefined);
}

/** Whether a path is this folder or below it; both in the form of `toAbsolute`. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}
