import type { DenyList } from './deny-pattern.ts';
import { isFileUrl, isForeignFileUrl, MAX_PATH_CHARACTERS, readingsOf, toCompatible } from './path-readings.ts';
import { isInside, parsePath, toAbsolute } from './path-text.ts';
import { resolveLinks } from './resolve-links.ts';

/** How a server sees paths. */
export interface PathGround {
  /** The folder that relative paths count from, if it is known. */
  readonly base: string | undefined;
  /** Its paths are those of this machine. */
  readonly isLocal: boolean;
}

/** What shells and programs put something else in the place of, options, and URLs. */
const NOT_A_PATH = /^(?:~|\$|%[^%]*%|-|(?!file:)[a-z][a-z\d+.-]+:\/\/)/i;

/** All that a text may mean as a path. */
interface Meaning {
  /** Texts that patterns are tested on: the text, and its paths in one form. */
  readonly forms: Set<string>;
  isInside: boolean;
}

/**
 * What a path may mean for a server, in every reading, with links resolved where the paths are this machine's. `roots`:
 * the folders of `within`; each reading must be inside one of them.
 */
export async function readPath(
  text: string,
  roots: readonly string[] | undefined,
  ground: PathGround,
): Promise<Meaning> {
  const readings = readingsOf(text, ground.base);
  const meaning: Meaning = { forms: new Set(), isInside: readings !== undefined && !cannotBePath(text, readings) };
  const folders = await foldersOf(roots ?? [], ground);
  let isChecked = false;
  for (const reading of readings ?? [text]) {
    const path = toAbsolute(reading, ground.base);
    if (path === undefined) {
      if (!isFileUrl(reading)) meaning.isInside = false;
      add(meaning, lexicalPath(reading));
      continue;
    }
    add(meaning, path);
    if (isFileUrl(reading)) continue;
    isChecked = true;
    meaning.isInside &&= folders.some(({ named, real }) => isInside(path, named) || isInside(path, real));
    if (ground.isLocal && reading.length <= MAX_PATH_CHARACTERS) await follow(reading, path, folders, ground, meaning);
  }
  meaning.isInside &&= isChecked;
  return meaning;
}

/** The forms of a text that may be a path among other things, without a look at links. */
export function lexicalForms(text: string): ReadonlySet<string> {
  const meaning: Meaning = { forms: new Set(), isInside: false };
  for (const reading of readingsOf(text, undefined) ?? [text]) add(meaning, lexicalPath(reading));
  return meaning.forms;
}

/** The index of an entry of `deny` that a text matches as it is, or in letters that look the same, or -1. */
export function deniedText(deny: DenyList, text: string): number {
  const index = deny.findText(text);
  if (index >= 0) return index;
  const compatible = toCompatible(text);
  return compatible === text ? -1 : deny.findText(compatible);
}

/** The same for the forms of a path. */
export function deniedPath(deny: DenyList, forms: ReadonlySet<string>): number {
  for (const form of forms) {
    const index = Math.max(deny.findPath(form), deny.findText(form));
    if (index >= 0) return index;
  }
  return -1;
}

interface Folder {
  /** As the rule has it. */
  readonly named: string;
  /** Without links. */
  readonly real: string;
}

function foldersOf(roots: readonly string[], { isLocal }: PathGround): Promise<readonly Folder[]> {
  return Promise.all(
    roots.map(async (root) => {
      const named = lexicalPath(root.replaceAll('\\', '/'));
      return { named, real: (isLocal && (await resolveLinks(named))) || named };
    }),
  );
}

function cannotBePath(text: string, readings: readonly string[]): boolean {
  if (text.length > MAX_PATH_CHARACTERS || !text.isWellFormed()) return true;
  return readings.some(
    (reading) =>
      reading === '' ||
      isForeignFileUrl(reading) ||
      reading.includes('\0') ||
      NOT_A_PATH.test(reading) ||
      (isFileUrl(reading) && /(?:^|[/\\])\.\.(?:[/\\?#]|$)/.test(reading)),
  );
}

/** Adds where links lead: from the path as it is spelled, and from the one that a server has tidied up. */
async function follow(
  reading: string,
  path: string,
  folders: readonly Folder[],
  { base }: PathGround,
  meaning: Meaning,
): Promise<void> {
  const spelled = reading.startsWith('/') || base === undefined ? reading : `${base}/${reading}`;
  for (const one of new Set([spelled.startsWith('/') ? spelled : path, path])) {
    const real = await resolveLinks(one);
    const folder = real === undefined ? undefined : folders.find((each) => isInside(real, each.real));
    meaning.isInside &&= folder !== undefined;
    if (real === undefined) continue;
    add(meaning, real);
    // Patterns speak of the folder by the name that the rule has for it.
    if (folder !== undefined) add(meaning, lexicalPath(`${folder.named}/${real.slice(folder.real.length)}`));
  }
}

function add({ forms }: Meaning, path: string): void {
  forms.add(path);
  forms.add(withoutDecoration(toCompatible(path)));
}

/** Windows ignores dots and spaces at the end of a name, and takes what follows a colon for a stream of the file. */
function withoutDecoration(path: string): string {
  if (!/[. ](?:\/|$)|:/.test(path)) return path;
  const parts = path.split('/').map((part) => {
    const colon = part.indexOf(':', 1);
    let end = colon === -1 || colon === part.length - 1 ? part.length : colon;
    while (end > 1 && (part[end - 1] === '.' || part[end - 1] === ' ')) end -= 1;
    return part.slice(0, end);
  });
  return parts.join('/');
}

/** In the form of `toAbsolute`, a relative path as if it began at the top. */
function lexicalPath(text: string): string {
  const { root, parts } = parsePath(text);
  return `/${[...(root ? [root] : []), ...parts].join('/')}`;
}
